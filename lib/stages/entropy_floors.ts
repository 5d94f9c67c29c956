import type { Decoder } from "../models/decoder.ts";
import { tokenValues } from "../training/backward.ts";
import { inPasses } from "../training/in_passes.ts";
import type { PassBudget } from "../training/pass_budget.ts";
import { entropyFloor } from "../training/policy_loss.ts";
import type { TokenSequence } from "../training/token_batch.ts";

/** Options of {@linkcode EntropyFloors}. */
export interface EntropyFloorsOptions<T> {
  /** Decides how many of the rollouts go through the model at once. */
  budget: PassBudget;
  /** Sequences a pass at most; `null`: as many as memory allows. */
  size: number | null;
  /** That the policy's distributions are taken at. */
  temperature: number;
  /** The share of tokens, those of highest entropy, that is trained. */
  share: number;
  /** Whether a sequence's tokens are among those that the share is of. */
  trained: (sequence: T) => boolean;
}

/** The least entropy that is trained in a part of a batch, measured ahead of the part's passes: the share is of all its tokens. */
export class EntropyFloors<T extends TokenSequence> {
  readonly #measured = new Map<readonly T[], { floor: number; tokens: number }>();

  constructor(readonly decoder: Decoder, readonly options: EntropyFloorsOptions<T>) {}

  /** The floor of a part, and how many of its tokens have at least that entropy. */
  async of(part: readonly T[]): Promise<{ floor: number; tokens: number }> {
    const known = this.#measured.get(part);
    if (known) return known;
    const entropies = await this.#entropies(part), floor = entropyFloor(entropies, this.options.share);
    const measured = { floor, tokens: entropies.filter((entropy) => entropy >= floor).length };
    this.#measured.set(part, measured);
    return measured;
  }

  async #entropies(part: readonly T[]): Promise<number[]> {
    const { budget, size, temperature, trained } = this.options;
    const rows = await inPasses(part, {
      budget,
      size,
      rowsOf: async (tokens) =>
        tokens.split((await tokenValues(this.decoder, tokens, { temperature })).entropy),
    });
    return rows.flatMap((row, i) => trained(part[i]) ? Array.from(row) : []);
  }
}
