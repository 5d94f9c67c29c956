import type { Decoder } from "../models/decoder.ts";
import { anneal, type Scheduled } from "../schedules/anneal.ts";
import type { LearningRate } from "../schedules/learning_rate.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Gradients } from "./backward.ts";
import { AdamW, type NamedArrays } from "./optimizer.ts";
import { assignParameters, parameterState } from "./parameter_state.ts";
import { PassBudget, type PassBudgetState } from "./pass_budget.ts";
import { type GuardState, updateGuard } from "./update_guard.ts";

/** Options of {@linkcode Trainer}. */
export interface TrainerOptions {
  /** Updates in all: what schedules are shares of. */
  steps: number;
  /** In force at each update. */
  learningRate: Pick<LearningRate, "at">;
  /** AdamW's decay of the two moments. @default [0.9, 0.999] */
  betas?: [number, number];
  /** Decoupled decay of matrices. @default 0 */
  weightDecay?: Scheduled;
  /** Gradients are scaled down to this global L2 norm. @default 1 */
  maxGradNorm?: Scheduled;
  /** Compute activations again in the backward pass instead of keeping them. @default false */
  checkpointing?: boolean;
}

/** What an update says for the log. */
export interface Update {
  /** In force at each update. */
  learningRate: number;
  /** Global L2 norm before clipping. */
  gradientNorm: number;
  /** Updates skipped so far because a loss or gradient was not finite. */
  skippedUpdates: number;
}

/** What a trainer keeps in a checkpoint beside its tensors. */
export interface TrainerState {
  /** Updates made. */
  updates: number;
  /** Updates skipped so far, and in a row. */
  guard: GuardState;
  /** What fits into memory, as found so far. */
  passes: PassBudgetState;
}

/**
 * Updates a model's trainable parameters: AdamW at a scheduled learning rate, clipped, and guarded from losses and gradients that are
 * not finite. What it depends on goes into a checkpoint and comes back with the same bits.
 *
 * @example
 * ```ts
 * import { accumulate, crossEntropy, learningRate, loadModel, Trainer } from "../../mod.ts";
 * const { decoder } = await loadModel("data/models/tiny-gemma"), batch = [{ prompt: [2, 10, 11], completion: [12, 1] }];
 * const trainer = new Trainer(decoder, { steps: 100, learningRate: learningRate(1e-3) });
 * const learned = await accumulate(decoder, batch, () => crossEntropy(2), { budget: trainer.passes });
 * const { metrics } = await trainer.update(0, learned);
 * trainer.dispose();
 * ```
 */
export class Trainer {
  /** Decides how much of a batch goes through the model at once. */
  readonly passes: PassBudget;
  readonly #optimizer: AdamW;
  readonly #guard = updateGuard();
  readonly #options: TrainerOptions;

  /** Makes the moments of the decoder's trainable parameters, at zero. */
  constructor(readonly decoder: Decoder, options: TrainerOptions) {
    this.#optimizer = new AdamW(decoder.parameters(), { betas: options.betas });
    this.#options = options;
    this.passes = new PassBudget(decoder, options);
  }

  /**
   * Makes update number `index` (from 0), or skips it when the loss or a gradient is not finite; disposes of the gradients. `failure`
   * says why the run must stop, when too many in a row were skipped, and `notes` what a person should know.
   */
  async update(
    index: number,
    { gradients, loss }: { gradients: Gradients; loss: number },
  ): Promise<{ metrics: Update; notes: string[]; failure?: string }> {
    const { steps, learningRate: rate, weightDecay = 0, maxGradNorm = 1 } = this.#options;
    const learningRate = rate.at(index, steps);
    const gradientNorm = await this.#optimizer.step(gradients, {
      learningRate,
      weightDecay: anneal(weightDecay).at(index, steps),
      maxGradNorm: anneal(maxGradNorm).at(index, steps),
      loss,
    });
    const stop = this.#guard.check(loss, gradientNorm) === "stop";
    return {
      metrics: { learningRate, gradientNorm, skippedUpdates: this.#guard.state.skipped },
      notes: this.passes.takeNotes(),
      ...(stop ? { failure: "the loss or its gradient was not finite several times in a row" } : {}),
    };
  }

  /** Copies of the trained parameters and the moments, `parameter/NAME` and `optimizer/NAME`, and the counts. */
  async save(): Promise<{ tensors: Checkpoint["tensors"]; state: TrainerState }> {
    const tensors = await parameterState(this.decoder);
    for (const [name, moment] of Object.entries(await this.#optimizer.state())) {
      tensors[`optimizer/${name}`] = moment;
    }
    return {
      tensors,
      state: {
        updates: this.#optimizer.updates,
        guard: { ...this.#guard.state },
        passes: this.passes.state,
      },
    };
  }

  /** Takes them back. @throws {RangeError} when the checkpoint is of another model */
  restore({ tensors, state }: { tensors: Checkpoint["tensors"]; state: TrainerState }): void {
    assignParameters(this.decoder, tensors);
    const moments = Object.entries(tensors).filter(([name]) => name.startsWith("optimizer/"));
    this.#optimizer.restore(
      Object.fromEntries(moments.map(([name, moment]) => [name.slice(10), moment])) as NamedArrays,
      state.updates,
    );
    Object.assign(this.#guard.state, state.guard);
    this.passes.restore(state.passes);
  }

  /** Gives the memory of the moments back. */
  dispose(): void {
    this.#optimizer.dispose();
  }
}
