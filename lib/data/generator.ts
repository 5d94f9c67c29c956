import { calculate, type Calculation, calculationText, rightOperands } from "../answers/arithmetic.ts";
import type { Difficulty, Problem } from "./problem.ts";
import { Random } from "../random/random.ts";

/** Options of {@linkcode generateProblems}. */
export interface GenerateProblemsOptions {
  /** How many problems. */
  count: number;
  /** Names the problems: the same seed gives the same ones. @default 1 */
  seed?: number;
  /** Weights of the difficulties. @default all alike */
  difficulty?: Partial<Record<Difficulty, number>>;
  /** Share of problems with a true but irrelevant sentence. @default 0 */
  distractors?: number;
}

const names = ["Tom", "Anna", "Sam", "Mia", "Ben", "Lily", "Omar", "Nina", "Leo", "Rosa", "Ravi", "Emma"];
const things = [
  "apples",
  "pens",
  "books",
  "cards",
  "coins",
  "shells",
  "stamps",
  "marbles",
  "cakes",
  "beads",
  "eggs",
  "flowers",
];
const boxes = ["boxes", "bags", "baskets", "jars", "shelves", "trays"];

interface Story {
  name: string;
  friend: string;
  thing: string;
  box: string;
  random: Random;
}

type Sentence = (n: number, story: Story) => string;

const opening: Sentence[] = [
  (n, { name, thing }) => `${name} has ${n} ${thing}.`,
  (n, { name, thing }) => `${name} starts with ${n} ${thing}.`,
  (n, { name, thing }) => `There are ${n} ${thing} on ${name}'s table.`,
];
const packed: ((count: number, each: number, story: Story) => string)[] = [
  (count, each, { name, thing, box }) => `${name} has ${count} ${box} with ${each} ${thing} in each.`,
  (count, each, { name, thing, box }) => `${name} fills ${count} ${box} and puts ${each} ${thing} in each.`,
];
const rated: ((count: number, each: number, story: Story) => string)[] = [
  (count, each, { name, thing }) => `${name} makes ${each} ${thing} an hour and works for ${count} hours.`,
  (count, each, { name, thing }) => `${name} gets ${each} ${thing} every day for ${count} days.`,
];
const changes: Record<"+" | "-" | "×" | "÷" | "%", Sentence[]> = {
  "+": [
    (n, { thing }) => `Then ${n} more ${thing} come.`,
    (n, { name, thing }) => `${name} buys ${n} more ${thing}.`,
    (n, { name, friend }) => `${friend} gives ${name} ${n} more.`,
    (n, { name }) => `${name} finds ${n} more.`,
  ],
  "-": [
    (n, { name, friend }) => `${name} gives ${n} to ${friend}.`,
    (n, { name }) => `${name} loses ${n} of them.`,
    (n, { name }) => `${name} sells ${n} of them.`,
    (n) => `After that ${n} are broken and thrown away.`,
  ],
  "×": [
    (n, { name }) => `Now ${name} trades each one for ${n} new ones.`,
    (n) => `Then the number grows to ${n} times as many.`,
  ],
  "÷": [
    (n, { name }) => `${name} shares them equally among ${n} friends and looks at one share.`,
    (n, { box }) => `They are put equally into ${n} ${box}, and only one is kept.`,
  ],
  "%": [
    (n, { name }) => `${name} keeps only ${n}% of them.`,
    (n) => `Only ${n}% of them are red, and the others go away.`,
  ],
};
const distracting: Sentence[] = [
  (n, { friend, box }) => `${friend} has ${n} ${box}.`,
  (n, { friend }) => `${friend} is ${n} years old.`,
  (n) => `It is ${n} degrees outside.`,
  (n, { friend }) => `${friend} read ${n} pages last week.`,
];
const questions: ((story: Story) => string)[] = [
  ({ thing }) => `How many ${thing} are there now?`,
  ({ name, thing }) => `How many ${thing} does ${name} have now?`,
  ({ thing }) => `What is the number of ${thing} at the end?`,
];

const steps: Record<Difficulty, [number, number]> = { easy: [1, 1], medium: [2, 2], hard: [3, 5] };
const connectives = ["First", "Then", "Next", "Then", "Finally"];

/**
 * Seeded word problems with worked solutions: easy takes one operation, medium two, hard three to five; sums and differences,
 * products, equal shares, rates and percentages, whole numbers from 0 to 100, so that a small model can learn every single step.
 *
 * @example
 * ```ts
 * import { generateProblems } from "../../mod.ts";
 * const [problem] = generateProblems({ count: 1, seed: 7, difficulty: { medium: 1 } });
 * problem.reasoning; // "First, 12 + 7 = 19. Then, 19 - 4 = 15. So the answer is 15."
 * ```
 */
export function generateProblems(
  { count, seed = 1, difficulty = { easy: 1, medium: 1, hard: 1 }, distractors = 0 }: GenerateProblemsOptions,
): Problem[] {
  if (!(Number.isInteger(count) && count >= 0)) {
    throw new RangeError(`generating problems needs a whole count from 0, got ${count}`);
  }
  if (!(distractors >= 0 && distractors <= 1)) {
    throw new RangeError(`generating problems needs a share of distractors from 0 to 1, got ${distractors}`);
  }
  const random = new Random(seed), weights = Object.entries(difficulty) as [Difficulty, number][];
  if (!weights.some(([, weight]) => weight > 0)) {
    throw new RangeError(
      `generating problems needs a difficulty of positive weight, got ${JSON.stringify(difficulty)}`,
    );
  }
  return Array.from(
    { length: count },
    (_, index) =>
      generateProblem(random, random.weighted(weights), { id: `generated/${seed}/${index}`, distractors }),
  );
}

/** One problem from a generator in use. */
export function generateProblem(
  random: Random,
  difficulty: Difficulty,
  { id, distractors }: { id: string; distractors: number },
): Problem {
  const [name, friend] = random.shuffle(names),
    story: Story = { name, friend, thing: random.pick(things), box: random.pick(boxes), random };
  const [least, most] = steps[difficulty], wanted = random.between(least, most);
  const sentences: string[] = [], chain: Calculation[] = [];
  let total: number;
  if (random.next() < 0.3) {
    const each = random.between(2, 12), several = random.pick(rightOperands(each, "×"));
    sentences.push(random.pick(random.next() < 0.5 ? packed : rated)(several, each, story));
    total = several * each;
    chain.push({ left: several, operator: "×", right: each, result: total });
  } else {
    total = random.between(2, random.next() < 0.5 ? 20 : 60);
    sentences.push(random.pick(opening)(total, story));
  }
  while (chain.length < wanted) {
    const operator = random.weighted<Calculation["operator"]>([["+", 4], ["-", 4], ["×", 1], ["÷", 1.5], [
      "%",
      0.7,
    ]]);
    const possible = rightOperands(total, operator);
    if (possible.length === 0) continue;
    const right = random.pick(possible), result = calculate(total, operator, right);
    chain.push({ left: total, operator, right, result });
    sentences.push(random.pick(changes[operator])(right, story));
    total = result;
  }
  if (random.next() < distractors) {
    sentences.splice(
      random.between(1, sentences.length),
      0,
      random.pick(distracting)(random.between(2, 40), story),
    );
  }
  const lines = chain.map((step, index) => {
    const word = index === 0
      ? connectives[0]
      : index === chain.length - 1 && chain.length > 2
      ? "Finally"
      : connectives[index];
    return `${word}, ${calculationText(step)}.`;
  });
  return {
    id,
    question: [...sentences, random.pick(questions)(story)].join(" "),
    answer: String(total),
    reasoning: `${lines.join(" ")} So the answer is ${total}.`,
    difficulty,
    domain: "maths",
    graph: chain,
  };
}
