/**
 * A frozen matrix in few bits, the one description of it for every device and every file: number = scale · (code − centre) + offset,
 * where each `group` numbers of a row have a scale of their own, and an offset unless `offsets` is `null`. GGUF's Q8_0, Q4_0, Q4_1, Q4_K,
 * Q5_0, Q5_1, Q5_K and Q6_K are such without loss, and what showwork itself rounds to 8 or 4 bits.
 */
export interface QuantisedMatrix {
  /** Columns are whole groups of 32. */
  shape: [rows: number, columns: number];
  bits: 8 | 4;
  group: 16 | 32;
  /** What stands for 0 among the codes. */
  centre: number;
  /**
   * Unsigned, row after row. With 8 bits a byte each; with 4 bits 16 bytes for each 32 numbers: number i in the low half of byte i, number
   * i + 16 in its high half.
   */
  codes: Uint8Array;
  /** float32 [rows, columns / group] */
  scales: Float32Array;
  /** The same shape; `null`: all 0. */
  offsets: Float32Array | null;
}

/** Bytes that a matrix takes. */
export function quantisedBytes({ codes, scales, offsets }: QuantisedMatrix): number {
  return codes.byteLength + scales.byteLength + (offsets?.byteLength ?? 0);
}

/** Rows `from` to `to` in float32: what every kernel is held to. */
export function dequantiseRows(
  { shape: [, columns], bits, group, centre, codes, scales, offsets }: QuantisedMatrix,
  { from, to, out = new Float32Array((to - from) * columns) }: {
    from: number;
    to: number;
    out?: Float32Array;
  },
): Float32Array {
  const first = from * columns;
  for (let at = first; at < to * columns; at++) {
    const block = at >> 5, within = at & 31, of = Math.floor(at / group);
    const code = bits === 8 ? codes[at] : codes[16 * block + (within & 15)] >> (within >> 4) * 4 & 15;
    out[at - first] = scales[of] * (code - centre) + (offsets?.[of] ?? 0);
  }
  return out;
}
