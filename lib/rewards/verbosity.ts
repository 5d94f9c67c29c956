import { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { tokensInside } from "../formats/tokens_inside.ts";
import { explained, type ExplainedReward } from "./explained.ts";
import type { RewardSample } from "./reward.ts";
import { sampleParts } from "./sample_parts.ts";

/** Rules of {@linkcode VerbosityOptions}. */
export const verbositySchema = z.strictObject({
  unit: z.enum(["tokens", "chars"]).default("tokens").describe("What is counted. Default tokens."),
  free: z.int().min(0).optional().describe(
    "How many of them cost nothing. Default 150 tokens, or 600 characters.",
  ),
});

/** Options of {@linkcode verbosity}. */
export interface VerbosityOptions {
  /** What is counted: tokens, or characters as R3's released code does. @default "tokens" */
  unit?: "tokens" | "chars";
  /** How many of them cost nothing: what a right answer of the problems at hand takes. @default 150 tokens, or 600 characters */
  free?: number;
}

/**
 * A penalty for long reasoning (SPEC section 2; R3), 0 or more: give it a negative weight.
 *
 * .05·max(0, n − 150)/50 on the n tokens of the reasoning, or .05·max(0, |R| − 600)/200 on its |R| characters; `free` in place of
 * 150 or 600.
 * `null` when tokens are to be counted and the sample carries none.
 *
 * @throws {ConfigError} for another unit
 * @example
 * ```ts
 * import { verbosity } from "../../mod.ts";
 * const text = `<reasoning>${"x".repeat(1000)}</reasoning>`;
 * verbosity({ unit: "chars" })({ completion: text } as never); // 0.1
 * ```
 */
export function verbosity(options: VerbosityOptions = {}): ExplainedReward {
  const { unit, free = unit === "chars" ? 600 : 150 } = parseOptions(verbositySchema, options, "verbosity()");
  const excess = (sample: RewardSample): number | null => {
    const { tokens } = sample, { reasoning, reasoningSpan } = sampleParts(sample);
    if (unit === "chars") return Math.max(0, (reasoning?.length ?? 0) - free);
    return tokens ? Math.max(0, tokensInside(tokens, reasoningSpan).length - free) : null;
  };
  return explained(
    (sample) => {
      const over = excess(sample);
      return over === null ? null : 0.05 * over / (unit === "chars" ? 200 : 50);
    },
    (sample) => {
      const over = excess(sample), span = sampleParts(sample).reasoningSpan;
      if (!over || !span) return [];
      const limit = `${free} ${unit === "chars" ? "characters" : "tokens"}`;
      return [{ start: span.start, end: span.end, why: `${over} more than ${limit}` }];
    },
  );
}
