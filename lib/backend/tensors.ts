/** The tensors of tfjs under names of our own, as exported types have them: `tf.Tensor2D` and `Tensor2D` are one type. */
import type * as tf from "@tensorflow/tfjs";

/**
 * Of any rank.
 *
 * @internal
 */
export type Tensor = tf.Tensor;
/**
 * A vector.
 *
 * @internal
 */
export type Tensor1D = tf.Tensor1D;
/**
 * A matrix.
 *
 * @internal
 */
export type Tensor2D = tf.Tensor2D;
/**
 * Matrices, one after the other.
 *
 * @internal
 */
export type Tensor3D = tf.Tensor3D;
/**
 * A tensor whose values change in place.
 *
 * @internal
 */
export type Variable = tf.Variable;
/**
 * A matrix whose values change in place.
 *
 * @internal
 */
export type MatrixVariable = tf.Variable<tf.Rank.R2>;
