/** What {@linkcode distillationLoss} gives. */
export interface DistillationLoss {
  /** Mean of log π − log π_teacher over the tokens: the estimate k1 of the reverse KL, in nats. */
  loss: number;
  /** ∂loss/∂log π, [sequence, token]. */
  gradient: Float64Array[];
}

/** Options of {@linkcode distillationLoss}. */
export interface DistillationLossOptions {
  /** What the sum over tokens is divided by: of a batch that is cut into passes, its tokens in all. @default the tokens given */
  tokens?: number;
}

/**
 * On-policy distillation from the tokens that were drawn alone: A_t = −(log π(y_t) − log π_teacher(y_t)) as each token's advantage, −Σ_t A_t·log π(y_t) / tokens
 * as what the gradient is of, A held fixed (Thinking Machines 2025, "On-policy distillation"). In expectation over the student's own draws that is the
 * gradient of the reverse KL of one token after another, with no credit for what a token leads to.
 *
 * @param logprobs log π of the tokens drawn, [sequence, token], nats, at the temperature they were drawn at
 * @param teacherLogprobs the teacher's, of the same shape and at the same temperature
 * @throws {RangeError} when the shapes differ
 * @example
 * ```ts
 * import { distillationLoss } from "../../mod.ts";
 * const { loss, gradient } = distillationLoss([[-1, -2]], [[-1.5, -0.5]]);
 * loss; // -0.5: the mean of 0.5 and -1.5
 * gradient[0]; // [0.25, -0.75]: the first token becomes less likely, the second more
 * ```
 */
export function distillationLoss(
  logprobs: readonly ArrayLike<number>[],
  teacherLogprobs: readonly ArrayLike<number>[],
  options: DistillationLossOptions = {},
): DistillationLoss {
  const wrong = logprobs.findIndex((row, i) => row.length !== teacherLogprobs[i]?.length);
  if (wrong >= 0 || logprobs.length !== teacherLogprobs.length) {
    throw new RangeError(
      "distillationLoss() needs the student's and the teacher's log-probabilities of the same tokens, got " +
        `${logprobs.length} and ${teacherLogprobs.length} sequences` +
        (wrong >= 0
          ? `, sequence ${wrong} of ${logprobs[wrong].length} and ${
            teacherLogprobs[wrong]?.length ?? 0
          } tokens`
          : ""),
    );
  }
  const { tokens = Math.max(1, logprobs.reduce((sum, { length }) => sum + length, 0)) } = options;
  let loss = 0;
  const gradient = logprobs.map((row, i) =>
    Float64Array.from(row, (logprob, t) => {
      const estimate = (logprob - teacherLogprobs[i][t]) / tokens;
      loss += estimate;
      return estimate;
    })
  );
  return { loss, gradient };
}
