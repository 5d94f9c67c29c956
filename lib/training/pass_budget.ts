import { isOutOfMemory } from "../backend/out_of_memory.ts";
import { device } from "../kernels/device.ts";
import type { Decoder } from "../models/decoder.ts";
import { keptActivations } from "../models/kept_activations.ts";
import { microBatches, rowsOf } from "./micro_batches.ts";
import { Notes } from "./notes.ts";
import type { TokenSequence } from "./token_batch.ts";

/** What a budget keeps in a checkpoint, so that a resumed run cuts its batches as it would have. */
export interface PassBudgetState {
  /** Rows that memory allows in a pass; `null` before the first. */
  rows: number | null;
  /** Whether activations are computed again in the backward pass. */
  checkpointing: boolean;
}

/** The share of the free memory that a pass may take by what one was measured to take; the rest is what malloc wastes. */
const share = 0.8;

/**
 * How much of a batch goes through the model at once: as much as the device likes, and as memory allows by what a row of this model
 * took in the first pass. A GPU does not tell what it has left: there passes begin small and grow while they fit. A pass that fails for
 * memory is halved; where a single sequence would fail, its activations are computed again in the backward pass instead of kept.
 * Each of these is reported once.
 *
 * @example
 * ```ts
 * import { loadModel, PassBudget } from "../../mod.ts";
 * const { decoder } = await loadModel("data/models/tiny-gemma"), budget = new PassBudget(decoder);
 * const sequences = [3, 5].map((length) => ({ prompt: [2], completion: Array<number>(length).fill(7) }));
 * for (const [from, some] of budget.cut(sequences)) console.log(from, some.length);
 * ```
 */
export class PassBudget {
  /** Keep only what goes into each layer. */
  checkpointing: boolean;
  #rows: number | null = null;
  /** What the device likes, as far as passes have grown. */
  #atOnce = device().tokensAtOnce;
  #measured = false;
  readonly #notes = new Notes();

  /** Begins with what goes through the model well. */
  constructor(readonly decoder: Decoder, { checkpointing = false }: { checkpointing?: boolean } = {}) {
    this.checkpointing = checkpointing;
  }

  /** Runs of neighbours that go through the model one after the other, of `size` sequences at most. */
  cut<T extends TokenSequence>(sequences: readonly T[], size: number | null = null): [number, T[]][] {
    this.#rows ??= this.#rowsAt(this.#estimate());
    const longest = Math.max(...sequences.map((sequence) => rowsOf([sequence])));
    if (longest > this.#rows && !this.checkpointing) {
      this.#checkpoint(`a sequence of ${longest} tokens would not fit into memory otherwise`);
    }
    const likes = Math.max(1, Math.floor(Math.min(this.#atOnce, device().bytesAtOnce / this.#estimate())));
    const rows = size === null ? Math.min(this.#rows, likes) : this.#rows;
    return [...microBatches(sequences, { size, rows })];
  }

  /** Makes a pass, and takes what the first took for what a row takes; where that is not told, what fitted lets the next ones grow. */
  async measure<T>(sequences: readonly TokenSequence[], pass: () => Promise<T>): Promise<T> {
    if (this.#measured && device().memoryLeft !== Infinity) return await pass();
    const { value, bytes } = await device().measure(pass), rows = rowsOf(sequences);
    this.#measured = true;
    if (bytes !== null) this.#rows = this.#rowsAt(bytes / rows);
    else if (rows > this.#atOnce / 2) this.#atOnce = Math.min(2 * this.#atOnce, device().mostTokensAtOnce);
    return value;
  }

  /** Makes room after a pass of some sequences failed. @returns false when the failure was of another kind, or nothing is left to try */
  shrink(sequences: readonly TokenSequence[], error: unknown): boolean {
    if (!isOutOfMemory(error)) return false;
    if (sequences.length === 1) {
      if (this.checkpointing) return false;
      this.#checkpoint(`a sequence of ${rowsOf(sequences)} tokens did not fit into memory otherwise`);
      return true;
    }
    const before = rowsOf(sequences);
    this.#rows = Math.floor(before / 2);
    this.#measured = true;
    this.#notes.add(
      "halved",
      `A pass of ${sequences.length} sequences with ${before} tokens did not fit into memory and is made in halves; what is learned is the same`,
    );
    return true;
  }

  /** Notes for people since the last call. */
  takeNotes(): string[] {
    return this.#notes.take();
  }

  /** For a checkpoint. */
  get state(): PassBudgetState {
    return { rows: this.#measured ? this.#rows : null, checkpointing: this.checkpointing };
  }

  /** Takes a state back. */
  restore({ rows, checkpointing }: PassBudgetState): void {
    this.#rows = rows;
    this.#measured = rows !== null;
    this.checkpointing ||= checkpointing;
  }

  #checkpoint(why: string): void {
    this.checkpointing = true;
    this.#rows = this.#rowsAt(this.#estimate());
    this.#measured = false;
    this.#notes.add(
      "checkpointing",
      `checkpointing is on from here: ${why}. Activations are computed again in the backward pass, which takes about a third more time`,
    );
  }

  #rowsAt(bytes: number): number {
    return Math.max(1, Math.floor(Math.min(share * device().memoryLeft / bytes, 2 ** 31)));
  }

  /** Bytes that a row takes by the configuration, before any was measured: what layers keep, and gradients of the widest at once. */
  #estimate(): number {
    const { config } = this.decoder, layer = keptActivations(config);
    return 4 *
      ((this.checkpointing ? config.layers * config.hiddenSize + layer : config.layers * layer) + layer);
  }
}
