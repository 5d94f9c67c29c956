import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "../backend/tensors.ts";
import type { RowLayout } from "../kernels/kernels.ts";

/** How {@linkcode Layout} places sequences. */
export interface LayoutOptions {
  /**
   * For each sequence the index of an earlier one that it continues, -1 for none: it sees that one's keys and values as if they
   * stood before its own, so that completions of one prompt share the prompt's rows. Those that continue a sequence follow it
   * directly. @default none
   */
  prefixes?: readonly number[];
}

/** The arrays of a layout on the device. */
export type LayoutTensors =
  & Record<"starts" | "lengths" | "positions" | "ids" | "prefixes" | "families", Tensor1D>
  & {
    /** int32 [sequences, 5]: see `PackedSequences` in `kernels/webgpu`. */
    spans: Tensor2D;
  };

/**
 * Where the sequences of a batch lie among its rows: each behind the one before, without padding.
 */
export class Layout implements RowLayout {
  /** The first row of each sequence. */
  readonly starts: Int32Array;
  /** Rows of each sequence. */
  readonly lengths: Int32Array;
  /** The sequence that each continues, -1 for none. */
  readonly prefixes: Int32Array;
  /** First sequence of each family of a prefix and what continues it, and the number of sequences. */
  readonly families: Int32Array;
  /** Position of each row in its sequence, its prefix included. [rows] */
  readonly positions: Int32Array;
  /** Token of each row. [rows] */
  readonly ids: Int32Array;
  /** Rows of the longest sequence. */
  readonly longest: number;
  #tensors: LayoutTensors | null = null;

  /** Lays token sequences one behind the other. @throws {RangeError} when there is no sequence or one is empty */
  constructor(sequences: readonly (readonly number[])[], options: LayoutOptions = {}) {
    const { prefixes } = options;
    if (sequences.length === 0 || sequences.some((ids) => ids.length === 0)) {
      throw new RangeError(
        `laying out a batch needs sequences of at least one token, got lengths [${
          sequences.map((ids) => ids.length)
        }]`,
      );
    }
    this.prefixes = Int32Array.from(prefixes ?? sequences.map(() => -1));
    const families = sequences.flatMap((_, i) => this.prefixes[i] < 0 ? [i] : []);
    this.prefixes.forEach((prefix, i) => {
      const first = families.findLast((family) => family <= i);
      if (prefix < 0 || prefix === first) return;
      throw new RangeError(
        `laying out a batch needs each sequence directly behind the one it continues; sequence ${i} continues ${prefix}`,
      );
    });
    this.families = Int32Array.from([...families, sequences.length]);
    const before = (i: number) => this.prefixes[i] < 0 ? 0 : sequences[this.prefixes[i]].length;
    this.longest = Math.max(...sequences.map((ids, i) => before(i) + ids.length));
    this.lengths = Int32Array.from(sequences, (ids) => ids.length);
    this.starts = new Int32Array(sequences.length);
    let rows = 0;
    for (let i = 0; i < sequences.length; i++) {
      this.starts[i] = rows;
      rows += sequences[i].length;
    }
    this.ids = new Int32Array(rows);
    this.positions = new Int32Array(rows);
    for (let i = 0; i < sequences.length; i++) {
      const end = i + 1 < sequences.length ? this.starts[i + 1] : rows;
      this.ids.set(sequences[i], this.starts[i]);
      for (let row = this.starts[i]; row < end; row++) {
        this.positions[row] = before(i) + row - this.starts[i];
      }
    }
  }

  /** Rows in all. */
  get rows(): number {
    return this.ids.length;
  }

  /** The arrays on the device, made on first use and kept until `dispose`. */
  tensors(): LayoutTensors {
    return this.#tensors ??= {
      starts: tf.keep(tf.tensor1d(this.starts, "int32")),
      lengths: tf.keep(tf.tensor1d(this.lengths, "int32")),
      positions: tf.keep(tf.tensor1d(this.positions, "int32")),
      ids: tf.keep(tf.tensor1d(this.ids, "int32")),
      prefixes: tf.keep(tf.tensor1d(this.prefixes, "int32")),
      families: tf.keep(tf.tensor1d(this.families, "int32")),
      spans: tf.keep(tf.tensor2d(this.#spans(), [this.starts.length, 5], "int32")),
    };
  }

  /** Of each sequence its first row, its rows, the same of what it continues, and the end of the run that continues it. */
  #spans(): number[] {
    return [...this.starts].flatMap((start, i) => {
      const prefix = this.prefixes[i],
        before = prefix < 0 ? [0, 0] : [this.starts[prefix], this.lengths[prefix]];
      const end = prefix < 0 ? this.families.find((family) => family > i)! : i + 1;
      return [start, this.lengths[i], ...before, end];
    });
  }

  /** Gives the memory of its tensors back. */
  dispose(): void {
    if (this.#tensors) tf.dispose(Object.values(this.#tensors));
    this.#tensors = null;
  }
}
