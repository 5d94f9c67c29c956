import type { RewardFunction, RewardSample } from "./reward.ts";
import { isPromise } from "./when_known.ts";

/** A score, or why there is none. */
export interface BoundedScore {
  score: number | null;
  error?: string;
}

const longestReason = 300;

/** Whatever was thrown as a short text; even what refuses to become one. */
function reasonOf(error: unknown): string {
  try {
    const text = error instanceof Error ? String(error.message || error.name) : `threw ${String(error)}`;
    return text.length > longestReason ? text.slice(0, longestReason) + "…" : text;
  } catch {
    return "threw something that is no text";
  }
}

function checked(score: unknown): BoundedScore {
  if (score === null || typeof score === "number" && Number.isFinite(score)) return { score };
  const shown = typeof score === "string"
    ? JSON.stringify(score.slice(0, 40))
    : typeof score === "object"
    ? "an object"
    : typeof score === "function"
    ? "a function"
    : String(score);
  return {
    score: null,
    error: `returned ${shown}; a reward is a finite number, or null when it cannot judge`,
  };
}

/**
 * Scores a sample and never rejects: an exception, a value that is no finite number, or a promise that does not settle in `timeoutMs`
 * becomes an error beside a `null` score. A synchronous reward that hangs can only be stopped from outside: see `sandboxed`.
 */
export async function boundedScore(
  reward: RewardFunction,
  sample: RewardSample,
  { timeoutMs }: { timeoutMs: number },
): Promise<BoundedScore> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const result: unknown = reward(sample);
    if (!isPromise(result)) return checked(result);
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`timed out after ${timeoutMs} ms`)), timeoutMs);
    });
    return checked(await Promise.race([result, late]));
  } catch (error) {
    return { score: null, error: reasonOf(error) };
  } finally {
    clearTimeout(timer);
  }
}
