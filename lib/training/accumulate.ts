import { counterUniform } from "../random/counter_random.ts";
import type { Decoder } from "../models/decoder.ts";
import type { TeacherRows } from "../ops/reverse_kl.ts";
import {
  addGradients,
  backward,
  disposeGradients,
  type ForwardOptions,
  type Gradients,
  teacherRows,
  type TokenLoss,
  type TokenValues,
} from "./backward.ts";
import { breathe } from "./breathe.ts";
import { rowsOf } from "./micro_batches.ts";
import { PassBudget } from "./pass_budget.ts";
import { TokenBatch, type TokenSequence } from "./token_batch.ts";

/** Sequences of a batch that go through the model together. */
export interface Pass<T extends TokenSequence> {
  /** What goes through the model in this pass. */
  sequences: readonly T[];
  /** The place of the first of them in the batch. */
  from: number;
  /** The part of the batch that they belong to. */
  part: readonly T[];
  /** Completion tokens, and the pass laid out for the model. */
  tokens: TokenBatch;
}

/** A pass's share of the batch's loss, with numbers to be added up over the batch. */
export interface PassLoss<Sums extends string> extends TokenLoss {
  /** Numbers that are added up over the batch. */
  sums?: Record<Sums, number>;
}

/** Options of {@linkcode accumulate}. */
export interface AccumulateOptions extends Pick<ForwardOptions, "temperature" | "entropyTrainable"> {
  /** Equal parts that the batch is cut into before it is cut into passes. @default 1 */
  parts?: number;
  /** Sequences a pass at most. @default null: as many as go through the model well */
  size?: number | null;
  /** What fits into memory; batches of one run share it. @default a fresh one */
  budget?: PassBudget;
  /** Seeds the adapter's dropout, pass by pass; `null` drops nothing. @default null */
  dropout?: { seed: number; step: number } | null;
  /** A model that each pass is held against: losses are then of the divergence from it. @default none */
  teacher?: Decoder;
  /** Ends the batch between two passes. */
  signal?: AbortSignal;
}

/** The gradients of a whole batch, which the owner disposes of or an optimizer takes, and what was added up on the way. */
export interface Accumulated<Sums extends string> {
  /** Σ over passes, by variable name. */
  gradients: Gradients;
  /** Σ over passes. */
  loss: number;
  /** Completion tokens, the sum of their distributions' entropies in nats, and how many were the most likely token. */
  tokens: number;
  /** Sum of the distributions' entropies, nats. */
  entropy: number;
  /** Tokens that were the most likely one. */
  hits: number;
  /** Numbers that are added up over the batch. */
  sums: Record<Sums, number>;
}

const total = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0);

/**
 * Sends a batch through the model pass by pass, the longest first, and adds up the gradients: Σ over passes of ∂loss/∂parameters.
 * `lossOf` prepares a pass (a reference's log-probabilities, say) and gives the function of its tokens' values that is its share of the
 * loss, so that cutting the batch otherwise changes nothing but the rounding: a pass that does not fit into memory is made in halves.
 *
 * @throws the signal's reason when it aborts between two passes; no gradients are left then
 * @example
 * ```ts
 * import { accumulate, crossEntropy, disposeGradients, loadModel } from "../../mod.ts";
 * const { decoder } = await loadModel("data/models/tiny-gemma"), batch = [{ prompt: [2, 10, 11], completion: [12, 1] }];
 * const { gradients, loss } = await accumulate(decoder, batch, () => crossEntropy(2)); // of two tokens
 * disposeGradients(gradients);
 * ```
 */
export async function accumulate<T extends TokenSequence, Sums extends string = never>(
  decoder: Decoder,
  batch: readonly T[],
  lossOf: (
    pass: Pass<T>,
  ) => ((values: TokenValues) => PassLoss<Sums>) | Promise<(values: TokenValues) => PassLoss<Sums>>,
  options: AccumulateOptions = {},
): Promise<Accumulated<Sums>> {
  const { parts = 1, size = null, dropout = null, signal, budget = new PassBudget(decoder) } = options;
  const { temperature, entropyTrainable, teacher } = options;
  const cut = ({ sequences, from, part }: Omit<Pass<T>, "tokens">) =>
    budget.cut(sequences, size).map(([offset, some]) => ({ sequences: some, from: from + offset, part }));
  let passes = Array.from({ length: parts }, (_, i) => {
    const from = i * batch.length / parts, part = batch.slice(from, from + batch.length / parts);
    return { sequences: part, from, part };
  }).flatMap(cut);

  /** One pass, forward and backward. */
  const make = async ({ sequences, from, part }: Omit<Pass<T>, "tokens">) => {
    const tokens = new TokenBatch(sequences);
    let theirs: TeacherRows | undefined;
    try {
      const lossOfValues = await lossOf({ sequences, from, part, tokens });
      let loss!: PassLoss<Sums>;
      theirs = teacher && teacherRows(teacher, tokens);
      const { values, gradients } = await backward(decoder, tokens, (values) => loss = lossOfValues(values), {
        temperature,
        entropyTrainable,
        checkpointing: budget.checkpointing,
        dropoutSeed: dropout && Math.floor(counterUniform(dropout.seed, dropout.step, from) * 2 ** 31),
        teacher: theirs,
      });
      return { values, gradients, loss, tokens: tokens.tokens };
    } finally {
      theirs?.hidden.dispose();
      tokens.dispose();
    }
  };

  const sums = { loss: 0, tokens: 0, entropy: 0, hits: 0 }, ownSums = {} as Record<Sums, number>;
  let gradients: Gradients | null = null;
  try {
    for (let made = 0; passes.length > 0; made++) {
      if (made > 0 && signal) await breathe(signal);
      passes.sort((a, b) => rowsOf(b.sequences) - rowsOf(a.sequences) || a.from - b.from);
      const [pass] = passes;
      let result: Awaited<ReturnType<typeof make>>;
      try {
        result = await budget.measure(pass.sequences, () => make(pass));
      } catch (error) {
        if (!budget.shrink(pass.sequences, error)) throw error;
        passes = passes.flatMap(cut);
        continue;
      }
      passes = made === 0 ? passes.slice(1).flatMap(cut) : passes.slice(1);
      gradients = addGradients(gradients, result.gradients);
      sums.loss += result.loss.loss;
      sums.tokens += result.tokens;
      sums.entropy += total(result.values.entropy);
      sums.hits += total(result.values.hits);
      for (const [name, value] of Object.entries<number>(result.loss.sums ?? {})) {
        ownSums[name as Sums] = (ownSums[name as Sums] ?? 0) + value;
      }
    }
  } catch (error) {
    disposeGradients(gradients);
    throw error;
  }
  return { gradients: gradients!, ...sums, sums: ownSums };
}
