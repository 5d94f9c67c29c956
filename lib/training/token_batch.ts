import * as tf from "@tensorflow/tfjs";
import type { Tensor1D } from "../backend/tensors.ts";
import { Layout } from "../ops/layout.ts";

/** A prompt and what follows it, as token ids. */
export interface TokenSequence {
  /** What it begins with; no loss. */
  prompt: readonly number[];
  /** What is learned. */
  completion: readonly number[];
}

/**
 * What the model sees of the sequences: neighbours with the same prompt share its rows. The last token
 * predicts nothing, so the model need not see it.
 */
function arrange(sequences: readonly TokenSequence[]) {
  const pieces: (readonly number[])[] = [], prefixes: number[] = [];
  /** For each sequence: the piece its completion is in, the row there that predicts its first token, the prompt's piece. */
  const places: { piece: number; first: number; prompt: number }[] = [];
  const same = (a: readonly number[], b: readonly number[]) =>
    a.length === b.length && a.every((id, i) => id === b[i]);
  for (let i = 0; i < sequences.length;) {
    const { prompt } = sequences[i];
    let end = i + 1;
    while (end < sequences.length && same(sequences[end].prompt, prompt)) end++;
    const shared = end - i > 1, prefix = pieces.length;
    if (shared) {
      pieces.push(prompt);
      prefixes.push(-1);
    }
    for (; i < end; i++) {
      const seen = sequences[i].completion.slice(0, -1);
      places.push({
        piece: pieces.length,
        first: shared ? -1 : prompt.length - 1,
        prompt: shared ? prefix : pieces.length,
      });
      // a completion of one token is predicted by the prompt alone
      if (shared && seen.length === 0) continue;
      pieces.push(shared ? seen : [...prompt, ...seen]);
      prefixes.push(shared ? prefix : -1);
    }
  }
  const rowOf = ({ starts, lengths }: Layout, sequence: number, token: number) => {
    const { piece, first, prompt } = places[sequence], row = first + token;
    return row < 0 ? starts[prompt] + lengths[prompt] - 1 : starts[piece] + row;
  };
  return { pieces, prefixes, rowOf };
}

/**
 * Sequences laid out for the model, with the rows whose predictions are completion tokens. Masks come from lengths,
 * never from a token's id.
 */
export class TokenBatch {
  /** How rows lie in the model. */
  readonly layout: Layout;
  /** Completion tokens of each sequence, in order. */
  readonly lengths: number[];
  /** Completion tokens in all. */
  readonly tokens: number;
  /** Rows of the hidden state that predict completion tokens, int32 [tokens]. */
  readonly rows: Tensor1D;
  /** The tokens that they should predict, int32 [tokens]. */
  readonly targets: Tensor1D;

  /** Lays the sequences one behind the other. @throws {RangeError} when one has no prompt or no completion */
  constructor(sequences: readonly TokenSequence[]) {
    for (const [index, { prompt, completion }] of sequences.entries()) {
      if (prompt.length === 0 || completion.length === 0) {
        throw new RangeError(
          `making a training batch needs a prompt and a completion of at least one token, sequence ${index} has ${prompt.length} and ${completion.length}`,
        );
      }
    }
    const { pieces, prefixes, rowOf } = arrange(sequences);
    this.layout = new Layout(pieces, { prefixes });
    this.lengths = sequences.map(({ completion }) => completion.length);
    this.tokens = this.lengths.reduce((a, b) => a + b, 0);
    const rows = sequences.flatMap(({ completion }, i) => completion.map((_, t) => rowOf(this.layout, i, t)));
    this.rows = tf.keep(tf.tensor1d(rows, "int32"));
    this.targets = tf.keep(tf.tensor1d(sequences.flatMap(({ completion }) => completion), "int32"));
  }

  /** Cuts one number a completion token into a row a sequence. */
  split(values: Float32Array): Float32Array[] {
    let from = 0;
    return this.lengths.map((length) => values.subarray(from, from += length));
  }

  /** Gives its memory back. */
  dispose(): void {
    tf.dispose([this.rows, this.targets]);
    this.layout.dispose();
  }
}
