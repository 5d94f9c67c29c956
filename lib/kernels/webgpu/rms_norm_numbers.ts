import type * as tf from "@tensorflow/tfjs-core";

/** A norm's numbers. */
export interface RmsNormNumbers {
  epsilon: number;
  /** Multiply by 1 + w instead of w. @default false */
  addOne?: boolean;
  /** Added to the result: y = residual + norm(x)·w. [rows, width] */
  residual?: tf.Tensor;
}

/** Invocations that work on a row of so many numbers; 1 where rows are shorter than 64, as per-head norms are. */
export const rowInvocations = (width: number): number => width < 64 ? 1 : width >= 1024 ? 256 : 64;
