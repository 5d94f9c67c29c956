import { calculationText, randomCalculation } from "../answers/arithmetic.ts";
import { generateProblem } from "./generator.ts";
import { normaliseQuestion } from "./normalise_question.ts";
import { difficulties } from "./problem.ts";
import type { Random } from "../random/random.ts";

/** A question and a plain answer; neither ever holds a tag. */
export interface PretrainingDocument {
  prompt: string;
  completion: string;
}

/** Weights of the kinds of document. */
export interface PretrainingMix {
  /** Several calculations asked and answered. */
  arithmetic: number;
  /** A word problem solved step by step in prose. */
  solved: number;
  /** A word problem with the bare result. */
  terse: number;
  /** A question about a short text or the world. */
  questions: number;
}

const defaultMix: PretrainingMix = { arithmetic: 4, solved: 4, terse: 1, questions: 1 };

const colours = ["red", "blue", "green", "yellow", "white", "black"];
const owners = ["Tom", "Anna", "Sam", "Mia", "Ben", "Lily", "Omar", "Nina", "Leo", "Rosa", "Ravi", "Emma"];
const objects = ["cup", "hat", "ball", "bag", "box", "book", "pen", "coat", "chair", "car"];
const places = ["table", "shelf", "floor", "bed", "desk"];
const facts: [string, string][] = [
  ["What colour is the sky on a clear day?", "The sky is blue."],
  ["What do bees make?", "Bees make honey."],
  ["How many days are in a week?", "A week has 7 days."],
  ["How many months are in a year?", "A year has 12 months."],
  ["How many legs does a spider have?", "A spider has 8 legs."],
  ["How many legs does a dog have?", "A dog has 4 legs."],
  ["What is frozen water called?", "It is called ice."],
  ["Which star gives us light in the day?", "The sun gives us light."],
  ["Is ice hot or cold?", "Ice is cold."],
  ["What is the capital of France?", "The capital is Paris."],
  ["What is the capital of Italy?", "The capital is Rome."],
  ["What comes after Monday?", "Tuesday comes after Monday."],
  ["What is the opposite of big?", "The opposite is small."],
  ["What is the opposite of up?", "The opposite is down."],
  ["How many sides does a triangle have?", "A triangle has 3 sides."],
  ["How many minutes are in an hour?", "An hour has 60 minutes."],
];

function arithmetic(random: Random): PretrainingDocument {
  const asked = Array.from({ length: random.between(1, 8) }, () => randomCalculation(random));
  const questions = asked.map((step) => calculationText(step).split(" = ")[0]);
  if (asked.length === 1 && random.next() < 0.5) {
    return { prompt: `What is ${questions[0]}?`, completion: `${calculationText(asked[0])}.` };
  }
  return {
    prompt: `Work out ${questions.join(", ")}.`,
    completion: `${asked.map(calculationText).join(". ")}.`,
  };
}

function question(random: Random): PretrainingDocument {
  const [owner, other] = random.shuffle(owners),
    object = random.pick(objects),
    colour = random.pick(colours),
    place = random.pick(places);
  switch (random.int(5)) {
    case 0:
      return {
        prompt: `${owner} has a ${colour} ${object}. What colour is the ${object}?`,
        completion: `The ${object} is ${colour}.`,
      };
    case 1:
      return {
        prompt: `The ${object} of ${owner} is on the ${place}. Where is the ${object}?`,
        completion: `It is on the ${place}.`,
      };
    case 2: {
      const [a, b] = [random.between(5, 50), random.between(51, 99)];
      return {
        prompt: `${owner} is ${a} years old and ${other} is ${b} years old. Who is older?`,
        completion: `${b} is more than ${a}, so ${other} is older.`,
      };
    }
    case 3: {
      const [a, b] = random.shuffle([random.between(1, 99), random.between(1, 99)]);
      return {
        prompt: `Which is larger, ${a} or ${b}?`,
        completion: a === b ? "They are equal." : `${Math.max(a, b)} is larger.`,
      };
    }
    default: {
      const [prompt, completion] = random.pick(facts);
      return { prompt, completion };
    }
  }
}

/**
 * A document for pre-training: arithmetic, word problems with their answers in plain prose, question answering. It teaches what the
 * demo's model knows before fine-tuning, and never the tags.
 *
 * @param exclude normalised questions (`normaliseQuestion`) that must not occur: the test problems
 */
export function pretrainingDocument(
  random: Random,
  { mix = {}, exclude }: { mix?: Partial<PretrainingMix>; exclude?: Set<string> } = {},
): PretrainingDocument {
  const kind = random.weighted(Object.entries({ ...defaultMix, ...mix }) as [keyof PretrainingMix, number][]);
  if (kind === "arithmetic") return arithmetic(random);
  if (kind === "questions") return question(random);
  for (;;) {
    const problem = generateProblem(random, random.pick(difficulties), { id: "", distractors: 0.1 });
    if (exclude?.has(normaliseQuestion(problem.question))) continue;
    return {
      prompt: problem.question,
      completion: kind === "solved" ? problem.reasoning! : `It is ${problem.answer}.`,
    };
  }
}
