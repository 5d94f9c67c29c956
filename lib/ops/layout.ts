import * as tf from "@tensorflow/tfjs";

/**
 * Where the sequences of a batch lie among its rows. On the CPU they follow each other without padding; on webgpu each
 * takes the same number of rows, padded on the right, where the causal mask keeps padding from being seen.
 */
export class Layout {
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** Position of each row in its sequence. [rows] */
  readonly positions: Int32Array;
  /** Token of each row; padding is token 0. [rows] */
  readonly ids: Int32Array;
  readonly longest: number;
  /** Whether there are rows that belong to no sequence. */
  readonly padded: boolean;
  #tensors: { starts: tf.Tensor1D; lengths: tf.Tensor1D; positions: tf.Tensor1D; ids: tf.Tensor1D } | null =
    null;

  /** @throws {RangeError} when there is no sequence or one is empty */
  constructor(sequences: readonly (readonly number[])[], padded: boolean = tf.getBackend() === "webgpu") {
    if (sequences.length === 0 || sequences.some((ids) => ids.length === 0)) {
      throw new RangeError(
        `laying out a batch needs sequences of at least one token, got lengths [${
          sequences.map((ids) => ids.length)
        }]`,
      );
    }
    this.longest = Math.max(...sequences.map((ids) => ids.length));
    this.lengths = Int32Array.from(sequences, (ids) => ids.length);
    this.starts = new Int32Array(sequences.length);
    let rows = 0;
    for (let i = 0; i < sequences.length; i++) {
      this.starts[i] = rows;
      rows += padded ? this.longest : sequences[i].length;
    }
    this.ids = new Int32Array(rows);
    this.positions = new Int32Array(rows);
    for (let i = 0; i < sequences.length; i++) {
      const end = i + 1 < sequences.length ? this.starts[i + 1] : rows;
      this.ids.set(sequences[i], this.starts[i]);
      for (let row = this.starts[i]; row < end; row++) this.positions[row] = row - this.starts[i];
    }
    this.padded = padded && this.lengths.some((length) => length < this.longest);
  }

  get rows(): number {
    return this.ids.length;
  }

  /** The arrays on the device, made on first use and kept until `dispose`. */
  tensors() {
    return this.#tensors ??= {
      starts: tf.keep(tf.tensor1d(this.starts, "int32")),
      lengths: tf.keep(tf.tensor1d(this.lengths, "int32")),
      positions: tf.keep(tf.tensor1d(this.positions, "int32")),
      ids: tf.keep(tf.tensor1d(this.ids, "int32")),
    };
  }

  dispose(): void {
    if (this.#tensors) tf.dispose(Object.values(this.#tensors));
    this.#tensors = null;
  }
}
