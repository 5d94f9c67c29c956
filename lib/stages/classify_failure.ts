import { checkArithmetic } from "../answers/check_arithmetic.ts";
import type { ResponseFormat } from "../formats/response_format.ts";
import { defaultFormat } from "../formats/response_format_of.ts";
import type { EvaluationItem } from "./evaluation.ts";

/** Why a completion is wrong. */
export type Failure =
  | "truncated"
  | "malformed"
  | "calculation error"
  | "unit confusion"
  | "verbose"
  | "premature conclusion"
  | "wrong operation"
  | "other";

/** The failures in the order in which they are tried. */
export const failures: readonly Failure[] = [
  "truncated",
  "malformed",
  "calculation error",
  "unit confusion",
  "verbose",
  "premature conclusion",
  "wrong operation",
  "other",
];

/** What the rules look at. */
export type FailureItem = Pick<
  EvaluationItem,
  | "question"
  | "reference"
  | "completion"
  | "answer"
  | "correct"
  | "wellFormed"
  | "truncated"
  | "tokens"
  | "difficulty"
>;

/** Where the rules draw their lines. */
export interface ClassifyFailureOptions {
  /** A longer completion is verbose; the threshold of R3's verbosity penalty. @default 150 */
  verboseTokens?: number;
  /** How the completion is read. @default `<reasoning>` and `<answer>` tags */
  format?: ResponseFormat;
}

/** Factors between units that a question names. */
const unitFactors: [number, RegExp][] = [
  [60, /\b(?:seconds?|minutes?|hours?)\b/i],
  [3600, /\b(?:seconds?|hours?)\b/i],
  [24, /\b(?:hours?|days?)\b/i],
  [7, /\b(?:days?|weeks?)\b/i],
  [12, /\b(?:dozens?|months?|years?|inch(?:es)?|foot|feet)\b/i],
  [100, /%|\b(?:per ?cent|percentage|cents?|dollars?|centimet(?:re|er)s?|met(?:re|er)s?|cm|m)\b|\$/i],
  [
    1000,
    /\b(?:grams?|kilograms?|g|kg|met(?:re|er)s?|kilomet(?:re|er)s?|m|km|millilit(?:re|er)s?|lit(?:re|er)s?|ml|l)\b/i,
  ],
];

const stepsNeeded = { easy: 1, medium: 2, hard: 3 };

/**
 * Says why a completion is wrong, by the first of these rules that applies; `null` when it is right.
 *
 * - `truncated`: it hit the token limit;
 * - `malformed`: no answer, or not in the format: for tags `<reasoning>…</reasoning><answer>…</answer>`;
 * - `calculation error`: an equation in the reasoning is false ({@linkcode checkArithmetic});
 * - `unit confusion`: the right number with another unit, or off by a factor between units that the question names;
 * - `verbose`: longer than `verboseTokens`;
 * - `premature conclusion`: a numeric problem with fewer equations than its difficulty has steps (1, 2, 3), or another problem with
 *   fewer than five words of reasoning;
 * - `wrong operation`: every equation holds, and the answer is the last one's result; or a graph that executes to another value;
 * - `other`: none of these, such as an answer that the reasoning does not lead to.
 *
 * @example
 * ```ts
 * import { classifyFailure } from "../../mod.ts";
 * classifyFailure({ question: "What is 5 + 3?", reference: "8", answer: "9", correct: false, wellFormed: true, truncated: false,
 *   tokens: 12, difficulty: "easy", completion: "<reasoning>5 + 3 = 9.</reasoning><answer>9</answer>" }); // "calculation error"
 * ```
 */
export function classifyFailure(
  item: FailureItem,
  { verboseTokens = 150, format = defaultFormat }: ClassifyFailureOptions = {},
): Failure | null {
  if (item.correct) return null;
  if (item.truncated) return "truncated";
  if (!item.wellFormed || item.answer === null) return "malformed";

  const reasoning = format.read(item.completion).reasoning ?? "", equations = checkArithmetic(reasoning);
  if (equations.some(({ holds }) => !holds)) return "calculation error";

  const answer = quantity(format.value?.(item.answer) ?? item.answer), reference = quantity(item.reference);
  if (answer && reference && confused(answer, reference, item.question)) return "unit confusion";
  // an answer that is worked out, such as a graph, is its own reasoning
  if (format.value && !reasoning) return answer ? "wrong operation" : "malformed";
  if (item.tokens > verboseTokens) return "verbose";

  const needed = stepsNeeded[item.difficulty];
  if (reference ? equations.length < needed : reasoning.split(/\s+/).filter(Boolean).length < 5) {
    return "premature conclusion";
  }
  const result = equations.at(-1)?.claimed;
  return answer && result !== undefined && near(result, answer.value) ? "wrong operation" : "other";
}

interface Quantity {
  value: number;
  unit: string;
}

/** A number with what stands after it; `null` when the text is not just that. */
function quantity(text: string): Quantity | null {
  const match = /^\s*[$€£₹৳]?\s*([-−]?[$]?\d[\d,]*(?:\.\d+)?)\s*(%|[\p{L}²³/ ]*)\.?\s*$/u.exec(text);
  if (!match) return null;
  return {
    value: Number(match[1].replace(/[,$]/g, "").replace("−", "-")),
    unit: match[2].trim().toLowerCase().replace(/s$/, ""),
  };
}

function confused(answer: Quantity, reference: Quantity, question: string): boolean {
  if (near(answer.value, reference.value)) {
    return answer.unit !== "" && reference.unit !== "" && answer.unit !== reference.unit;
  }
  const named = unitFactors.filter(([, unit]) => unit.test(question)).map(([factor]) => factor);
  return named.some((factor) =>
    near(answer.value, reference.value * factor) || near(answer.value * factor, reference.value)
  );
}

const near = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
