import * as tf from "@tensorflow/tfjs";
import { differentiable } from "./differentiable.ts";

/**
 * y = f(x) whose intermediate results are not kept for the backward pass but computed again there (Chen et al. 2016, arXiv
 * 1604.06174): memory for one more forward pass of `f`. `variables` are those that `f` uses and that get gradients; `f` must
 * give the same result both times.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * const weight = tf.variable(tf.tensor2d([[1, 2], [3, 4]])), x = tf.tensor2d([[1, 0]]);
 * const { grads } = tf.variableGrads(() => tf.sum(checkpoint((x) => tf.relu(tf.matMul(x, weight as tf.Tensor2D)), x, [weight])));
 * ```
 */
export function checkpoint(
  f: (x: tf.Tensor2D) => tf.Tensor2D,
  x: tf.Tensor2D,
  variables: readonly tf.Variable[],
): tf.Tensor2D {
  return differentiable([x, ...variables], () => ({
    value: tf.tidy(() => f(x)),
    saved: [x],
    gradients: (dy, [x]) => {
      // tfjs throws the tape away at the end of any backward pass, this inner one too, and the outer one needs its own
      const { state } = tf.engine(), tape = state.activeTape;
      try {
        const { value, grads } = tf.engine().gradients(() => f(x as tf.Tensor2D), [x, ...variables], dy);
        value.dispose();
        return grads;
      } finally {
        state.activeTape = tape;
      }
    },
  }));
}
