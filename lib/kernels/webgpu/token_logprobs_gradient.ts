import type * as tf from "@tensorflow/tfjs-core";
import type { Rows } from "./binding.ts";
import { launch } from "./program.ts";
import { squashText } from "./token_logprobs_chunks.ts";

/** Numbers of {@linkcode logitGradient}: the chunk, and how logits became a distribution. */
export type LogitGradientNumbers = Rows & { temperature: number; softcap: number };

/**
 * A chunk's logits become their gradients in place: β·(g·(onehot(target) − p) − e·p·(log p + entropy)), with g and, where it has any, e
 * the gradients of the row's log-probability and entropy.
 */
export function logitGradient(
  logits: tf.Tensor,
  dy: { logprobs: tf.Tensor1D; entropy: tf.Tensor1D | null },
  { targets, logSumExp, entropy }: Record<"targets" | "logSumExp" | "entropy", tf.Tensor1D>,
  { first, count, temperature, softcap }: LogitGradientNumbers,
): void {
  const total = targets.size * count;
  launch({
    key: `token_logprobs/gradient/${softcap > 0}/${dy.entropy !== null}`,
    groups: Math.ceil(total / 64),
    reads: {
      dlogprob: dy.logprobs,
      targets,
      logSumExp,
      ...(dy.entropy ? { dentropy: dy.entropy, entropy } : {}),
    },
    writes: { logits },
    ints: { total, count, first },
    floats: { beta: 1 / temperature, softcap },
    declarations: squashText(softcap),
    body: `
  if (index >= u.total) { return; }
  let row = index / u.count;
  let z = squashed(logits[index]);
  let logp = z - logSumExp[row];
  let p = exp(logp);
  var g = -p;
  if (targets[row] == u.first + index % u.count) { g += 1.0; }
  g *= dlogprob[row] * u.beta;
  ${dy.entropy ? "g -= dentropy[row] * u.beta * p * (logp + entropy[row]);" : ""}
  ${softcap > 0 ? "let t = z / (u.beta * u.softcap); g *= 1.0 - t * t;" : ""}
  logits[index] = g;`,
  });
}
