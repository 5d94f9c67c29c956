/**
 * Frozen weights in 16 bits on WebGPU: half the memory and half the bytes a decoding step reads, with sums still in
 * float32. tfjs has no 16-bit type, so two halves share an int32, which every adapter can unpack: `shader-f16` is not needed.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";

/**
 * Packs a float32 matrix [rows, columns] into int32 [rows, columns/2], nearest float16 each. Weights that came from
 * bfloat16 keep their bits as long as they lie within ±65504 and, save zero, outside ±6·10⁻⁵. The caller disposes of the result.
 * @throws {RangeError} when columns are no multiple of 4, as the products that read it need
 */
export function packHalf(weight: tf.Tensor2D): tf.Tensor2D {
  const [rows, columns] = weight.shape;
  if (columns % 4) {
    throw new RangeError(
      `packing weights to 16 bits needs columns that are a multiple of 4, got [${rows}, ${columns}]`,
    );
  }
  const packed = output<tf.Tensor2D>([rows, columns / 2], "int32");
  launch({
    key: "pack_half",
    groups: Math.ceil(packed.size / 64),
    reads: { weight },
    writes: { packed },
    ints: { count: packed.size },
    body: `
  if (index >= u.count) { return; }
  packed[index] = bitcast<i32>(pack2x16float(vec2<f32>(weight[2 * index], weight[2 * index + 1])));`,
  });
  return packed;
}
