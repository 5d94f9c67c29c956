import { parseCompletion } from "../text/completion.ts";
import type { RewardFunction } from "./reward.ts";

/** Options of {@linkcode verbosity}. */
export interface VerbosityOptions {
  /** What is counted: tokens, or characters as R3's released code does. @default "tokens" */
  unit?: "tokens" | "chars";
}

/**
 * A penalty for long reasoning, 0 or more; give it a negative weight. .05·max(0, n − 150)/50 on reasoning tokens, or
 * .05·max(0, |R| − 600)/200 on characters (R3). `null` when tokens are to be counted and the sample has none.
 */
export function verbosity({ unit = "tokens" }: VerbosityOptions = {}): RewardFunction {
  return ({ completion, tokens }) => {
    const reasoning = parseCompletion(completion).reasoning ?? "";
    if (unit === "chars") return 0.05 * Math.max(0, reasoning.length - 600) / 200;
    if (!tokens) return null;
    const start = completion.indexOf("<reasoning>") + "<reasoning>".length, end = completion.indexOf("</reasoning>");
    let at = 0, count = 0;
    for (const piece of tokens) {
      if (reasoning && at < end && at + piece.length > start) count++;
      at += piece.length;
    }
    return 0.05 * Math.max(0, count - 150) / 50;
  };
}
