import * as tf from "@tensorflow/tfjs";

/** What an operation comes to. */
export interface Differentiable<Y extends tf.Tensor> {
  value: Y;
  /** What `gradients` reads again. */
  saved: readonly tf.Tensor[];
  /** One for each input, in their order; never `dy` itself. */
  gradients(dy: Y, saved: tf.Tensor[]): tf.Tensor[];
}

/**
 * An operation with a gradient of its own, whose backward pass gives back what it read: the gradient that came and what the forward pass
 * had saved. `tf.customGrad` keeps both until the whole pass is over, which takes twice the memory.
 *
 * @example
 * ```ts
 * import * as tf from "@tensorflow/tfjs";
 * const square = (x: tf.Tensor1D) =>
 *   differentiable([x], () => ({
 *     value: tf.square(x),
 *     saved: [x],
 *     gradients: (dy, [x]) => [tf.mul(tf.mul(x, 2), dy)],
 *   }));
 * const { grads: [slope] } = tf.valueAndGrads((x: tf.Tensor) => tf.sum(square(x as tf.Tensor1D)))([tf.tensor1d([3])]);
 * slope.print(); // 6
 * ```
 */
export function differentiable<Y extends tf.Tensor>(
  inputs: readonly tf.Tensor[],
  forward: () => Differentiable<Y>,
): Y {
  const operation = tf.customGrad((...given) => {
    const save = given.pop() as unknown as tf.GradSaveFunc, { value, saved, gradients } = forward();
    save([...saved]);
    return {
      value,
      gradFunc: (dy, saved) => {
        const found = gradients(dy as Y, saved);
        tf.dispose([dy, ...saved]);
        return found;
      },
    };
  });
  return operation(...inputs) as Y;
}
