import { device } from "../kernels/device.ts";
import type { PassBudget } from "./pass_budget.ts";
import { TokenBatch, type TokenSequence } from "./token_batch.ts";

/** Options of {@linkcode inPasses}. */
export interface InPassesOptions<Row> {
  /** What fits into memory. */
  budget: PassBudget;
  /** Sequences a pass at most. @default null: as many as go through the model well */
  size?: number | null;
  /** What a pass says of each of its sequences, in their order. */
  rowsOf: (tokens: TokenBatch) => Promise<Row[]>;
}

/** Sends sequences through a model without gradients, as many at once as fit into memory: a pass that does not is made in halves. */
export async function inPasses<Row>(
  sequences: readonly TokenSequence[],
  { budget, size = null, rowsOf }: InPassesOptions<Row>,
): Promise<Row[]> {
  const rows: Row[] = new Array(sequences.length);
  const make = async (some: readonly TokenSequence[]) => {
    const tokens = new TokenBatch(some);
    try {
      return (await device().measure(() => rowsOf(tokens))).value;
    } finally {
      tokens.dispose();
    }
  };
  let passes = budget.cut(sequences, size);
  while (passes.length > 0) {
    const [[from, some], ...rest] = passes;
    try {
      (await make(some)).forEach((row, i) => rows[from + i] = row);
      passes = rest;
    } catch (error) {
      if (!budget.shrink(some, error)) throw error;
      passes = passes.flatMap(([from, some]) =>
        budget.cut(some, size).map(([offset, part]): typeof passes[number] => [from + offset, part])
      );
    }
  }
  return rows;
}
