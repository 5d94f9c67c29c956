import { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import type { RewardFunction } from "./reward.ts";

/** Rules of {@linkcode OverlongOptions}. */
export const overlongSchema = z.strictObject({
  max: z.int().min(1).default(128).describe(
    "Tokens at which the punishment is whole: the run's maxTokens. Default 128.",
  ),
  buffer: z.int().min(1).default(32).describe("Tokens before that over which it grows. Default 32."),
}).refine(({ max, buffer }) => buffer <= max, { path: ["buffer"], message: "must not be above `max`" });

/** Options of {@linkcode overlong}. */
export interface OverlongOptions {
  /** Tokens at which the punishment is whole: the run's `maxTokens`. @default 128 */
  max?: number;
  /** Tokens before that over which it grows; DAPO's L_cache. @default 32 */
  buffer?: number;
}

/**
 * DAPO's soft overlong punishment (Yu et al. 2025, equation 13; TRL's `get_soft_overlong_punishment`), for a positive weight: 0 up to
 * max − buffer tokens, then linear down to −1 at `max`. `null` where the tokens are not known.
 *
 * @throws {ConfigError} unless 1 ≤ buffer ≤ max
 * @example
 * ```ts
 * import { overlong } from "./overlong.ts";
 * overlong({ max: 100, buffer: 20 })({ tokens: new Array(90).fill("a") } as never); // −0.5
 * ```
 */
export function overlong(options: OverlongOptions = {}): RewardFunction {
  const { max, buffer } = parseOptions(overlongSchema, options, "overlong()");
  return ({ tokens }) => {
    if (!tokens) return null;
    const over = tokens.length - (max - buffer);
    return over <= 0 ? 0 : Math.max(-1, -over / buffer);
  };
}
