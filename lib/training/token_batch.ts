import * as tf from "@tensorflow/tfjs";
import { Layout } from "../ops/layout.ts";

/** A prompt and what follows it, as token ids. */
export interface TokenSequence {
  prompt: readonly number[];
  completion: readonly number[];
}

/**
 * Sequences laid out for the model, with the rows whose predictions are completion tokens. Masks come from lengths,
 * never from a token's id.
 */
export class TokenBatch {
  readonly layout: Layout;
  /** Completion tokens of each sequence, in order. */
  readonly lengths: number[];
  /** Completion tokens in all. */
  readonly tokens: number;
  /** Rows of the hidden state that predict completion tokens, int32 [tokens]. */
  readonly rows: tf.Tensor1D;
  /** The tokens that they should predict, int32 [tokens]. */
  readonly targets: tf.Tensor1D;

  /** @throws {RangeError} when a sequence has no prompt or no completion */
  constructor(sequences: readonly TokenSequence[]) {
    for (const [index, { prompt, completion }] of sequences.entries()) {
      if (prompt.length === 0 || completion.length === 0) {
        throw new RangeError(
          `making a training batch needs a prompt and a completion of at least one token, sequence ${index} has ${prompt.length} and ${completion.length}`,
        );
      }
    }
    // the last token predicts nothing, so the model needs not see it
    this.layout = new Layout(
      sequences.map(({ prompt, completion }) => [...prompt, ...completion.slice(0, -1)]),
    );
    this.lengths = sequences.map(({ completion }) => completion.length);
    this.tokens = this.lengths.reduce((a, b) => a + b, 0);
    const rows = sequences.flatMap(({ prompt, completion }, i) =>
      completion.map((_, t) => this.layout.starts[i] + prompt.length - 1 + t)
    );
    this.rows = tf.keep(tf.tensor1d(rows, "int32"));
    this.targets = tf.keep(tf.tensor1d(sequences.flatMap(({ completion }) => completion), "int32"));
  }

  /** Cuts one number a completion token into a row a sequence. */
  split(values: Float32Array): Float32Array[] {
    let from = 0;
    return this.lengths.map((length) => values.subarray(from, from += length));
  }

  dispose(): void {
    tf.dispose([this.rows, this.targets]);
    this.layout.dispose();
  }
}
