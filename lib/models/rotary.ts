import * as tf from "@tensorflow/tfjs";
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
  #tables = new Map<string, { positions: number; cos: tf.Tensor2D; sin: tf.Tensor2D }>();

  constructor(readonly headDim: number) {}

  /** cos and sin [≥ positions, headDim/2], owned by this object. */
  get(rope: LayerRope, positions: number): { cos: tf.Tensor2D; sin: tf.Tensor2D } {
    const key = JSON.stringify(rope), held = this.#tables.get(key);
    if (held && held.positions >= positions) return held;
    const size = 2 ** Math.ceil(Math.log2(Math.max(128, positions))),
      half = this.headDim / 2,
      frequencies = inverseFrequencies(rope, this.headDim);
    const cos = new Float32Array(size * half), sin = new Float32Array(size * half);
    for (let t = 0; t < size; t++) {
      for (let i = 0; i < half; i++) {
        // transformers keeps the frequencies in float32, and so the angles must be theirs
        const angle = Math.fround(t * Math.fround(frequencies[i]));
        cos[t * half + i] = Math.cos(angle);
        sin[t * half + i] = Math.sin(angle);
      }
    }
    if (held) tf.dispose([held.cos, held.sin]);
    const table = {
      positions: size,
      cos: tf.keep(tf.tensor2d(cos, [size, half])),
      sin: tf.keep(tf.tensor2d(sin, [size, half])),
    };
    this.#tables.set(key, table);
    return table;
  }

  dispose(): void {
    for (const { cos, sin } of this.#tables.values()) tf.dispose([cos, sin]);
    this.#tables.clear();
  }
}
