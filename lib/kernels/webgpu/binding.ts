import type * as tf from "@tensorflow/tfjs-core";
import { activeDevice } from "./command_stream.ts";

/** A tensor as a kernel sees it; `offset` and `length` in elements choose a part of it. */
export interface BoundPart {
  tensor: tf.TensorInfo;
  /** Elements of the array type: 4 binds `array<vec4<f32>>`. @default 1 */
  lanes?: 1 | 4;
  /** First element; its byte address must be a multiple of 256. @default 0 */
  offset?: number;
  /** @default to the tensor's end */
  length?: number;
}

/** A tensor, or a part of one. */
export type Binding = tf.TensorInfo | BoundPart;

/** A binding as a part, the whole where it names none. */
export function part(binding: Binding): BoundPart {
  return "dataId" in binding ? { tensor: binding } : binding;
}

/** Some rows of a matrix. */
export interface Rows {
  first: number;
  count: number;
}

/**
 * The rows of a matrix [rows, width] in parts that the adapter binds at once: one part unless the matrix passes
 * `maxStorageBufferBindingSize`, 128 MB on some adapters. Parts begin at multiples of 64 rows, where every width is aligned.
 */
export function bindableRows(rows: number, width: number): Rows[] {
  const limit = activeDevice().limits.maxStorageBufferBindingSize / 4;
  const most = rows * width <= limit ? rows : Math.max(1, Math.floor(limit / width / 64)) * 64;
  return Array.from(
    { length: Math.ceil(rows / most) },
    (_, i) => ({ first: i * most, count: Math.min(most, rows - i * most) }),
  );
}

/** Some rows of a bound matrix whose rows are `width` elements wide. */
export function rowsOf(matrix: Binding, { first, count }: Rows, width: number): BoundPart {
  const whole = part(matrix);
  return { ...whole, offset: (whole.offset ?? 0) + first * width, length: count * width };
}
