import { counterUniform } from "../random/counter_random.ts";
import type { Decoder } from "../models/decoder.ts";
import {
  addGradients,
  backward,
  disposeGradients,
  type ForwardOptions,
  type Gradients,
  type TokenLoss,
  type TokenValues,
} from "./backward.ts";
import { breathe } from "./breathe.ts";
import { microBatches } from "./micro_batches.ts";
import { TokenBatch, type TokenSequence } from "./token_batch.ts";

/** Sequences of a batch that go through the model together. */
export interface Pass<T extends TokenSequence> {
  sequences: readonly T[];
  /** The place of the first of them in the batch. */
  from: number;
  /** The part of the batch that they belong to. */
  part: readonly T[];
  tokens: TokenBatch;
}

/** A pass's share of the batch's loss, with numbers to be added up over the batch. */
export interface PassLoss<Sums extends string> extends TokenLoss {
  sums?: Record<Sums, number>;
}

/** Options of {@linkcode accumulate}. */
export interface AccumulateOptions extends Omit<ForwardOptions, "adapter" | "dropoutSeed"> {
  /** Equal parts that the batch is cut into before it is cut into passes. @default 1 */
  parts?: number;
  /** Sequences a pass, or as many as go through the model well when it is null. @default null */
  size?: number | null;
  /** Seeds the adapter's dropout, pass by pass; `null` drops nothing. @default null */
  dropout?: { seed: number; step: number } | null;
  /** Ends the batch between two passes. */
  signal?: AbortSignal;
}

/** The gradients of a whole batch, which the owner disposes of or an optimizer takes, and what was added up on the way. */
export interface Accumulated<Sums extends string> {
  gradients: Gradients;
  loss: number;
  /** Completion tokens, the sum of their distributions' entropies in nats, and how many were the most likely token. */
  tokens: number;
  entropy: number;
  hits: number;
  sums: Record<Sums, number>;
}

const total = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0);

/**
 * Sends a batch through the model pass by pass and adds up the gradients: Σ over passes of ∂loss/∂parameters. `lossOf` prepares a
 * pass (a reference's log-probabilities, say) and gives the function of its tokens' values that is its share of the loss, so that
 * cutting the batch otherwise changes nothing but the rounding.
 *
 * @throws the signal's reason when it aborts between two passes; no gradients are left then
 * @example
 * ```ts
 * const tokens = batch.reduce((sum, { completion }) => sum + completion.length, 0);
 * const { gradients, loss } = await accumulate(decoder, batch, () => crossEntropy(tokens));
 * ```
 */
export async function accumulate<T extends TokenSequence, Sums extends string = never>(
  decoder: Decoder,
  batch: readonly T[],
  lossOf: (
    pass: Pass<T>,
  ) => ((values: TokenValues) => PassLoss<Sums>) | Promise<(values: TokenValues) => PassLoss<Sums>>,
  { parts = 1, size = null, dropout = null, signal, ...forward }: AccumulateOptions = {},
): Promise<Accumulated<Sums>> {
  const sums = { loss: 0, tokens: 0, entropy: 0, hits: 0 }, ownSums = {} as Record<Sums, number>;
  let gradients: Gradients | null = null;
  try {
    for (let start = 0; start < batch.length; start += batch.length / parts) {
      const part = batch.slice(start, start + batch.length / parts);
      for (const [offset, sequences] of microBatches(part, size)) {
        const from = start + offset;
        if (from > 0 && signal) await breathe(signal);
        const tokens = new TokenBatch(sequences);
        try {
          const lossOfValues = await lossOf({ sequences, from, part, tokens });
          let pass!: PassLoss<Sums>;
          const { values, gradients: more } = await backward(
            decoder,
            tokens,
            (values) => pass = lossOfValues(values),
            {
              ...forward,
              dropoutSeed: dropout &&
                Math.floor(counterUniform(dropout.seed, dropout.step, from) * 2 ** 31),
            },
          );
          gradients = addGradients(gradients, more);
          sums.loss += pass.loss;
          sums.tokens += tokens.tokens;
          sums.entropy += total(values.entropy);
          sums.hits += total(values.hits);
          for (const [name, value] of Object.entries<number>(pass.sums ?? {})) {
            ownSums[name as Sums] = (ownSums[name as Sums] ?? 0) + value;
          }
        } finally {
          tokens.dispose();
        }
      }
    }
  } catch (error) {
    disposeGradients(gradients);
    throw error;
  }
  return { gradients: gradients!, ...sums, sums: ownSums };
}
