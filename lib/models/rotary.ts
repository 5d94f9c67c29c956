import * as tf from "@tensorflow/tfjs";
import type { Tensor2D } from "../backend/tensors.ts";
import type { LayerRope } from "./decoder_config.ts";

/** Inverse frequencies θ_i = base^(−2i/headDim), scaled. [headDim/2] */
export function inverseFrequencies({ base, scaling }: LayerRope, headDim: number): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, i) => {
    const frequency = base ** (-2 * i / headDim);
    if (!scaling) return frequency;
    if (scaling.type === "linear") return frequency / scaling.factor;
    const { factor, lowFreqFactor: low, highFreqFactor: high, originalMaxPositions: original } = scaling;
    const turns = original * frequency / (2 * Math.PI);
    if (turns < low) return frequency / factor;
    if (turns > high) return frequency;
    const smooth = (turns - low) / (high - low);
    return (1 - smooth) * frequency / factor + smooth * frequency;
  });
}

/** Rotary tables for the layers of a model, grown when a longer sequence comes. */
export class RotaryTables {
  #tables = new Map<string, Tensor2D>();

  /** For heads of so many numbers. */
  constructor(readonly headDim: number) {}

  /** The cosines of at least so many positions, below them the sines, [2·positions, headDim/2]; owned by this object. */
  get(rope: LayerRope, positions: number): Tensor2D {
    const key = JSON.stringify(rope), held = this.#tables.get(key);
    if (held && held.shape[0] >= 2 * positions) return held;
    const size = 2 ** Math.ceil(Math.log2(Math.max(128, positions))),
      half = this.headDim / 2,
      frequencies = inverseFrequencies(rope, this.headDim);
    const values = new Float32Array(2 * size * half), sines = values.subarray(size * half);
    for (let t = 0; t < size; t++) {
      for (let i = 0; i < half; i++) {
        // transformers keeps the frequencies in float32, and so the angles must be theirs
        const angle = Math.fround(t * Math.fround(frequencies[i]));
        values[t * half + i] = Math.cos(angle);
        sines[t * half + i] = Math.sin(angle);
      }
    }
    held?.dispose();
    const table = tf.keep(tf.tensor2d(values, [2 * size, half]));
    this.#tables.set(key, table);
    return table;
  }

  /** Gives its memory back. */
  dispose(): void {
    for (const table of this.#tables.values()) table.dispose();
    this.#tables.clear();
  }
}
