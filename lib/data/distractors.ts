import {
  bangla,
  type DistractorKind,
  distractorKinds,
  type DistractorSubject,
  english,
} from "./distractor_sentences.ts";
import type { Problem } from "./problem.ts";
import { Random } from "../random/random.ts";

/** Options of {@linkcode addDistractors}. */
export interface DistractorOptions {
  /** Seed of which problems get one, and of which kind. @default 1 */
  seed?: number;
  /** Share of problems that get one. @default 1 */
  share?: number;
  /** Which kinds of sentence. @default all */
  kinds?: readonly DistractorKind[];
  /** The language of the sentence. @default the question's: Bangla where it is written in Bangla, else English */
  language?: "en" | "bn";
}

const isBangla = (text: string) => /\p{Script=Bengali}/u.test(text);

/** Words that begin sentences and are no names. */
const noNames = new Set(
  `A An The If In On At Of To For From By And But Or So Then There This That These Those It He She They We You I His Her Their Its
   How What Which Who When Where Why Each Every All Some Both After Before During While Once Now Today Yesterday Tomorrow Last
   Next First Finally Only Given Find Calculate Suppose Let Is Are Was Were Do Does Did Has Have Had Can Will As With Out Up Half
   One Two Three Four Five Six Seven Eight Nine Ten Twenty Monday Tuesday Wednesday Thursday Friday Saturday Sunday January
   February March April May June July August September October November December Compute Solve Evaluate Determine Express
   Simplify Convert Write Define Jan Mr Mrs Ms Dr English`.split(/\s+/),
);

/** A name that is the subject of a verb, such as `Natalia sold`; of a Bangla question its first word when it is in the nominative. */
function nameIn(question: string): string | null {
  if (isBangla(question)) {
    const [first = ""] = question.match(/^[\p{Script=Bengali}]+/u) ?? [];
    // -ের, -র, -কে, -তে, -টি are endings of a word that the sentence is not about
    return /(?:ের|র|কে|তে|টি|টা|গুলি|জন|এক|একটি|যদি)$|^প্রতি/u.test(first) || first.length < 3 ? null : first;
  }
  const found = question.matchAll(
    /(?<![\p{L}'’])(\p{Lu}\p{Ll}+) (?:has|had|is|was|buys|bought|gives|gave|sells|sold|makes|made|starts|fills|gets|got|wants|needs|spends|spent|eats|ate|decides|runs|ran|takes|took|goes|went|works|earns|saves|saved|puts|put|finds|found|collects|collected|bakes|baked|reads|read|plays|played|picks|picked|then|and|did|will|can)\b/gu,
  );
  return [...found].map(([, name]) => name).find((name) => !noNames.has(name)) ?? null;
}

/** Units are measured, not counted. */
const units = new Set(
  `degrees minutes hours days weeks months years seconds dollars cents euros pounds percent miles kilometers kilometres meters metres
   feet inches times more less of people friends students children kids`.split(/\s+/),
);

/** Where all of a thing are asked for, another who has some would change the answer. */
const allAsked =
  /\b(?:altogether|in total|in all|together|combined|total|everyone|everybody|all of them)\b|মোট|সব মিলিয়ে|সর্বমোট|একসঙ্গে/iu;

/** Something that the problem counts: the plural behind a number, or what is asked for. */
function thingIn(question: string): string | null {
  if (allAsked.test(question)) return null;
  if (isBangla(question)) {
    const counted = question.matchAll(/(?:\p{Nd}+|এক|দু|তিন)টি\s+([\p{Script=Bengali}]{3,})/gu);
    return [...counted].map(([, thing]) => thing).find((thing) =>
      !/^(?:করে|বেশি|কম|আছে|ছিল|ছোট|বড়|নতুন)/u.test(thing)
    ) ?? null;
  }
  const counted = [...question.matchAll(/\p{Nd} (?:more |new |red |blue )?(\p{Ll}{3,}s)\b/gu)].map((
    [, thing],
  ) => thing);
  const asked = [...question.matchAll(/[Hh]ow many (\p{Ll}{3,}s)\b/gu)].map(([, thing]) => thing);
  return [...asked, ...counted].find((thing) => !units.has(thing)) ?? null;
}

const banglaDigits = (number: number) =>
  String(number).replace(/\d/g, (digit) => String.fromCodePoint(0x9e6 + Number(digit)));

/** A number that the problem does not say, written as it writes its own. */
function numberFor({ question, answer }: Problem, random: Random): string {
  const ascii = (text: string) => text.replace(/[০-৯]/g, (digit) => String(digit.codePointAt(0)! - 0x9e6));
  const said = new Set(ascii(`${question} ${answer}`).match(/\d+/g) ?? []);
  for (;;) {
    const number = random.between(2, 60);
    if (!said.has(String(number))) return /[০-৯]/.test(question) ? banglaDigits(number) : String(number);
  }
}

/**
 * Puts a true but irrelevant sentence with a number before the last sentence of each question; the answer is unchanged (R2).
 *
 * The sentence takes up a person and a thing of the problem where it finds them, in the problem's language, English or Bangla, and its number is none that
 * the problem or its answer says. Ids end in `+distractor`, by which `evaluate` pairs problems with and without.
 *
 * @example
 * ```ts
 * import { addDistractors, generateProblems } from "../../mod.ts";
 * const [problem] = addDistractors(generateProblems({ count: 1 }), { kinds: ["other person"] });
 * problem.id; // "generated/1/0+distractor"
 * ```
 */
export function addDistractors(
  problems: readonly Problem[],
  { seed = 1, share = 1, kinds = distractorKinds, language }: DistractorOptions = {},
): Problem[] {
  if (!(share >= 0 && share <= 1)) {
    throw new RangeError(`adding distractors needs a share from 0 to 1, got ${share}`);
  }
  const unknown = kinds.find((kind) => !distractorKinds.includes(kind));
  if (kinds.length === 0 || unknown !== undefined) {
    throw new RangeError(
      `adding distractors needs kinds of ${distractorKinds.join(", ")}, got ${unknown ?? "none"}`,
    );
  }
  const random = new Random(seed);
  return problems.map((problem) => {
    const own = new Random(random.int(2 ** 31)), chosen = random.next() < share;
    if (!chosen) return problem;
    const { question } = problem,
      sentences = (language ?? (isBangla(question) ? "bn" : "en")) === "bn" ? bangla : english;
    const subject: DistractorSubject = {
      name: nameIn(question),
      thing: thingIn(question),
      number: numberFor(problem, own),
      random: own,
    };
    const possible = kinds.map((kind) =>
      sentences[kind].map((write) => write(subject)).filter((sentence) => sentence !== null)
    ).filter((list) => list.length > 0);
    // each kind has as good a chance as the next; where none fits, something of the surroundings always does
    const sentence = possible.length > 0
      ? own.pick(own.pick(possible))
      : own.pick(sentences.surroundings)(subject)!;
    return { ...problem, id: `${problem.id}+distractor`, question: inserted(question, sentence) };
  });
}

/** A question with a sentence before its last one. */
function inserted(question: string, sentence: string): string {
  const ends = [...question.trimEnd().matchAll(/(?<!\b(?:Mr|Mrs|Ms|Dr|St|vs|No))[.?!।][”"’)]?\s+(?=\S)/gu)];
  const last = ends.at(-1);
  if (!last) return `${sentence} ${question}`;
  const at = last.index + last[0].length;
  return `${question.slice(0, at)}${sentence} ${question.slice(at)}`;
}
