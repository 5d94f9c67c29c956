/** Numbers of whole blocks in float32: `count` blocks from `bytes` into `out`. */
type Dequantise = (bytes: Uint8Array, out: Float32Array, count: number) => void;

const halves = new Uint16Array(1 << 16).map((_, i) => i);
/** The float32 value of every float16. */
const half = new Float32Array(new Float16Array(halves.buffer));

/** The float16 at a place, as a number. */
export const halfAt = (bytes: Uint8Array, at: number) => half[bytes[at] | bytes[at + 1] << 8];
/** The four bytes at a place as a whole number with a sign. */
export const wordAt = (bytes: Uint8Array, at: number) =>
  bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24;

/**
 * 32 numbers a block: a scale, with `offset` a least value, then with `high` a fifth bit of each, then four bits of each, the first
 * sixteen numbers in the low halves.
 */
function nibbles({ offset, high }: { offset: boolean; high: boolean }): Dequantise {
  const rest = (offset ? 4 : 2) + (high ? 4 : 0), size = rest + 16, middle = high ? 16 : 8;
  return (bytes, out, count) => {
    for (let block = 0, at = 0, to = 0; block < count; block++, at += size, to += 32) {
      const scale = halfAt(bytes, at), least = offset ? halfAt(bytes, at + 2) : -middle * scale;
      const fifth = high ? wordAt(bytes, at + rest - 4) : 0;
      for (let i = 0; i < 16; i++) {
        const pair = bytes[at + rest + i];
        out[to + i] = scale * (pair & 15 | (fifth >>> i & 1) << 4) + least;
        out[to + 16 + i] = scale * (pair >> 4 | (fifth >>> 16 + i & 1) << 4) + least;
      }
    }
  };
}

/** The six bits of scale and of least value `j` of eight, in twelve bytes (ggml's get_scale_min_k4). */
export const scaleOf = (bytes: Uint8Array, at: number, j: number) =>
  j < 4 ? bytes[at + j] & 63 : bytes[at + j + 4] & 15 | bytes[at + j - 4] >> 6 << 4;
export const leastOf = (bytes: Uint8Array, at: number, j: number) =>
  j < 4 ? bytes[at + j + 4] & 63 : bytes[at + j + 4] >> 4 | bytes[at + j] >> 6 << 4;

/** 256 numbers a block: eight groups of 32 with a scale and a least value of six bits each, which two float16 multiply. */
function kNibbles({ high }: { high: boolean }): Dequantise {
  const size = high ? 176 : 144, low = high ? 48 : 16;
  return (bytes, out, count) => {
    for (let block = 0, at = 0, to = 0; block < count; block++, at += size, to += 256) {
      const scale = halfAt(bytes, at), least = halfAt(bytes, at + 2);
      for (let group = 0; group < 8; group++) {
        const by = scale * scaleOf(bytes, at + 4, group), less = least * leastOf(bytes, at + 4, group);
        const from = at + low + 32 * (group >> 1), shift = group & 1 ? 4 : 0;
        for (let i = 0; i < 32; i++) {
          const fifth = high ? (bytes[at + 16 + i] >> group & 1) << 4 : 0;
          out[to + 32 * group + i] = by * (bytes[from + i] >> shift & 15 | fifth) - less;
        }
      }
    }
  };
}

/**
 * Readers of the types that are supported, by name: block formats of ggml-quants.c. Each product and sum is exact before its one
 * rounding to float32, as in `gguf` for Python, so the numbers are the same to the bit.
 */
export const dequantise: Readonly<Record<string, Dequantise>> = {
  F32(bytes, out, count) {
    new Uint8Array(out.buffer, out.byteOffset, 4 * count).set(bytes.subarray(0, 4 * count));
  },
  F16(bytes, out, count) {
    for (let i = 0; i < count; i++) out[i] = halfAt(bytes, 2 * i);
  },
  BF16(bytes, out, count) {
    const bits = new Uint32Array(out.buffer, out.byteOffset, count);
    for (let i = 0; i < count; i++) bits[i] = bytes[2 * i] << 16 | bytes[2 * i + 1] << 24;
  },
  F64(bytes, out, count) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let i = 0; i < count; i++) out[i] = view.getFloat64(8 * i, true);
  },
  Q4_0: nibbles({ offset: false, high: false }),
  Q4_1: nibbles({ offset: true, high: false }),
  Q5_0: nibbles({ offset: false, high: true }),
  Q5_1: nibbles({ offset: true, high: true }),
  Q8_0(bytes, out, count) {
    for (let block = 0, at = 0, to = 0; block < count; block++, at += 34, to += 32) {
      const scale = halfAt(bytes, at);
      for (let i = 0; i < 32; i++) out[to + i] = scale * (bytes[at + 2 + i] << 24 >> 24);
    }
  },
  Q4_K: kNibbles({ high: false }),
  Q5_K: kNibbles({ high: true }),
  Q6_K(bytes, out, count) {
    // per half of 128: 64 bytes of low bits, 32 of high bits, eight scales
    for (let block = 0, at = 0, to = 0; block < count; block++, at += 210, to += 256) {
      const scale = halfAt(bytes, at + 208);
      for (let group = 0; group < 8; group++) {
        const part = group >> 2, quarter = group & 3;
        const low = at + 64 * part + 32 * (quarter & 1), lowShift = quarter & 2 ? 4 : 0;
        const high = at + 128 + 32 * part, scales = at + 192 + 2 * group;
        for (let i = 0; i < 32; i++) {
          const bits = bytes[low + i] >> lowShift & 15 | (bytes[high + i] >> 2 * quarter & 3) << 4;
          // numpy rounds the scale to float32 before it multiplies
          const by = Math.fround(scale * (bytes[scales + (i >> 4)] << 24 >> 24));
          out[to + 32 * group + i] = by * (bits - 32);
        }
      }
    }
  },
};
