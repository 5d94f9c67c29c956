import type { QuantisedMatrix } from "../kernels/quantised_matrix.ts";
import { halfAt, leastOf, scaleOf, wordAt } from "./dequantise.ts";

/** How the blocks of a GGUF type become codes, scales and offsets, without loss. */
export interface BlockSplit extends Pick<QuantisedMatrix, "bits" | "group" | "centre"> {
  hasOffsets: boolean;
  /** One block: its codes from `codes[0]`, its scales and offsets from place `of`. */
  split(bytes: Uint8Array, at: number, target: SplitTarget): void;
}

/** Where a block goes. */
export interface SplitTarget {
  /** 8 bits: a code each; 4 bits: as {@linkcode QuantisedMatrix} has them. */
  codes: Uint8Array;
  code: number;
  scales: Float32Array;
  offsets: Float32Array | null;
  group: number;
}

/** 32 numbers, four bits each, the first sixteen in the low halves: as GGUF has them they stand in a row already. */
function fourBits({ offset }: { offset: boolean }): BlockSplit {
  return {
    bits: 4,
    group: 32,
    centre: offset ? 0 : 8,
    hasOffsets: offset,
    split(bytes, at, { codes, code, scales, offsets, group }) {
      scales[group] = halfAt(bytes, at);
      if (offsets) offsets[group] = halfAt(bytes, at + 2);
      const from = at + (offset ? 4 : 2);
      for (let i = 0; i < 16; i++) codes[code + i] = bytes[from + i];
    },
  };
}

/** 32 numbers of five bits: the fifths in a word of their own. */
function fiveBits({ offset }: { offset: boolean }): BlockSplit {
  return {
    bits: 8,
    group: 32,
    centre: offset ? 0 : 16,
    hasOffsets: offset,
    split(bytes, at, { codes, code, scales, offsets, group }) {
      scales[group] = halfAt(bytes, at);
      if (offsets) offsets[group] = halfAt(bytes, at + 2);
      const from = at + (offset ? 4 : 2), fifth = wordAt(bytes, from);
      for (let i = 0; i < 16; i++) {
        const pair = bytes[from + 4 + i];
        codes[code + i] = pair & 15 | (fifth >>> i & 1) << 4;
        codes[code + 16 + i] = pair >> 4 | (fifth >>> 16 + i & 1) << 4;
      }
    },
  };
}

/** Eight groups of 32 with scales and least values of six bits. */
function kBits({ high }: { high: boolean }): BlockSplit {
  return {
    bits: high ? 8 : 4,
    group: 32,
    centre: 0,
    hasOffsets: true,
    split(bytes, at, { codes, code, scales, offsets, group }) {
      const scale = halfAt(bytes, at), least = halfAt(bytes, at + 2), low = at + (high ? 48 : 16);
      for (let j = 0; j < 8; j++) {
        scales[group + j] = scale * scaleOf(bytes, at + 4, j);
        offsets![group + j] = -least * leastOf(bytes, at + 4, j);
        const from = low + 32 * (j >> 1), shift = j & 1 ? 4 : 0;
        const four = (i: number) => bytes[from + i] >> shift & 15;
        if (high) {
          for (let i = 0; i < 32; i++) {
            codes[code + 32 * j + i] = four(i) | (bytes[at + 16 + i] >> j & 1) << 4;
          }
        } else {
          for (let i = 0; i < 16; i++) codes[code + 16 * j + i] = four(i) | four(16 + i) << 4;
        }
      }
    },
  };
}

/** Types whose blocks are split, by name; the others are floats. */
export const blockSplits: Readonly<Record<string, BlockSplit>> = {
  Q8_0: {
    bits: 8,
    group: 32,
    centre: 128,
    hasOffsets: false,
    split(bytes, at, { codes, code, scales, group }) {
      scales[group] = halfAt(bytes, at);
      // two's complement with its sign turned counts from 128
      for (let i = 0; i < 32; i++) codes[code + i] = bytes[at + 2 + i] ^ 128;
    },
  },
  Q4_0: fourBits({ offset: false }),
  Q4_1: fourBits({ offset: true }),
  Q5_0: fiveBits({ offset: false }),
  Q5_1: fiveBits({ offset: true }),
  Q4_K: kBits({ high: false }),
  Q5_K: kBits({ high: true }),
  Q6_K: {
    bits: 8,
    group: 16,
    centre: 32,
    hasOffsets: false,
    split(bytes, at, { codes, code, scales, group }) {
      const scale = halfAt(bytes, at + 208);
      for (let j = 0; j < 16; j++) scales[group + j] = scale * (bytes[at + 192 + j] << 24 >> 24);
      for (let j = 0; j < 8; j++) {
        const part = j >> 2, quarter = j & 3;
        const low = at + 64 * part + 32 * (quarter & 1),
          shift = quarter & 2 ? 4 : 0,
          high = at + 128 + 32 * part;
        for (let i = 0; i < 32; i++) {
          codes[code + 32 * j + i] = bytes[low + i] >> shift & 15 | (bytes[high + i] >> 2 * quarter & 3) << 4;
        }
      }
    },
  },
};
