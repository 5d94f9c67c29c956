import type { QuantisedMatrix } from "../kernels/quantised_matrix.ts";

/**
 * Rounds a matrix to 8 or 4 bits in groups of 32: 8 bits by the largest size (code 128 stands for 0, as GGUF's Q8_0), 4 bits between the
 * least and the largest number (as Q4_1). Its columns are whole groups.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { dequantiseRows } from "../kernels/quantised_matrix.ts";
 * import { quantiseMatrix } from "./quantise_matrix.ts";
 * const values = Float32Array.from({ length: 32 }, (_, i) => i - 16);
 * const rounded = dequantiseRows(quantiseMatrix(values, [1, 32], 8), { from: 0, to: 1 });
 * assert.ok(values.every((value, i) => Math.abs(value - rounded[i]) <= 16 / 127 / 2 + 1e-6));
 * ```
 */
export function quantiseMatrix(values: Float32Array, shape: [number, number], bits: 8 | 4): QuantisedMatrix {
  const groups = values.length / 32, codes = new Uint8Array(values.length * bits / 8);
  const scales = new Float32Array(groups), offsets = bits === 4 ? new Float32Array(groups) : null;
  for (let group = 0; group < groups; group++) {
    const first = 32 * group;
    let least = Infinity, most = -Infinity;
    for (let i = first; i < first + 32; i++) {
      least = Math.min(least, values[i]);
      most = Math.max(most, values[i]);
    }
    const scale = scales[group] = bits === 8 ? Math.max(most, -least) / 127 : (most - least) / 15;
    const from = offsets ? offsets[group] = least : 0,
      zero = bits === 8 ? 128 : 0,
      by = scale > 0 ? 1 / scale : 0;
    const code = (i: number) => Math.round((values[first + i] - from) * by) + zero;
    if (bits === 8) { for (let i = 0; i < 32; i++) codes[first + i] = code(i); }
    else {
      for (let i = 0; i < 16; i++) {
        codes[first / 2 + i] = Math.min(15, code(i)) | Math.min(15, code(i + 16)) << 4;
      }
    }
  }
  return { shape, bits, group: 32, centre: bits === 8 ? 128 : 0, codes, scales, offsets };
}
