import * as tf from "@tensorflow/tfjs";
import type { Parameter } from "../models/decoder.ts";
import { adamw, globalNorm, type Moments } from "../ops/adamw.ts";
import type { Gradients } from "./backward.ts";

/** Options of {@linkcode AdamW}. */
export interface AdamWOptions {
  /** Decay of the two moments. @default [0.9, 0.999] */
  betas?: [number, number];
  /** Added to the root of the second moment. @default 1e-8 */
  epsilon?: number;
}

/** The numbers of one update: any may change from step to step. */
export interface UpdateOptions {
  /** Of this update. */
  learningRate: number;
  /** Decoupled decay of matrices; vectors (norms, biases) are left alone. @default 0 */
  weightDecay?: number;
  /** Gradients are scaled down to this global L2 norm; 0 never clips. @default 1 */
  maxGradNorm?: number;
  /** What the gradients are of: when it is not finite, they are not used either. @default 0 */
  loss?: number;
}

/** Arrays by name: an optimizer's moments, or a model's weights, in a checkpoint. */
export type NamedArrays = Record<string, { shape: number[]; data: Float32Array }>;

/** AdamW over a fixed list of parameters, with clipping by the global norm. */
export class AdamW {
  /** Updates made. */
  updates = 0;
  readonly #moments = new Map<string, Moments>();
  readonly #options: Required<AdamWOptions>;
  #halfway = false;

  /** Makes the moments, at zero. */
  constructor(readonly parameters: Parameter[], { betas = [0.9, 0.999], epsilon = 1e-8 }: AdamWOptions = {}) {
    if (parameters.length === 0) {
      throw new RangeError(
        "training needs parameters to train, and the base is frozen under its adapters; put one to use with model.useAdapter(name)",
      );
    }
    this.#options = { betas, epsilon };
    for (const { name, variable } of parameters) {
      const zeros = () => tf.tidy(() => tf.variable(tf.zeros(variable.shape), false));
      this.#moments.set(name, { m: zeros(), v: zeros() });
    }
  }

  /**
   * One update; disposes of the gradients. A loss or a gradient that is not finite changes nothing.
   *
   * @returns the global norm before clipping; when it or the loss is not finite, the update was skipped
   */
  async step(
    gradients: Gradients,
    { learningRate, weightDecay = 0, maxGradNorm = 1, loss = 0 }: UpdateOptions,
  ): Promise<number> {
    const { betas: [beta1, beta2], epsilon } = this.#options;
    const norm = await globalNorm(Object.values(gradients));
    if (Number.isFinite(norm) && Number.isFinite(loss)) {
      this.#halfway = true;
      this.updates++;
      const gradientScale = maxGradNorm > 0 && norm > maxGradNorm ? maxGradNorm / (norm + 1e-6) : 1;
      for (const { name, variable } of this.parameters) {
        const decay = variable.rank > 1 ? weightDecay : 0;
        adamw(variable, gradients[variable.name], this.#moments.get(name)!, {
          learningRate,
          beta1,
          beta2,
          epsilon,
          weightDecay: decay,
          step: this.updates,
          gradientScale,
        });
      }
      this.#halfway = false;
    }
    tf.dispose(Object.values(gradients));
    return norm;
  }

  /** Copies of all moments, for a checkpoint. @throws {Error} when an update failed halfway, so that no step's state is left */
  async state(): Promise<NamedArrays> {
    if (this.#halfway) {
      throw new Error(
        `saving the optimizer: update ${this.updates} failed when some parameters had it and others had not; go on from an earlier checkpoint`,
      );
    }
    const arrays: NamedArrays = {};
    for (const [name, { m, v }] of this.#moments) {
      arrays[`m/${name}`] = { shape: m.shape, data: (await m.data() as Float32Array).slice() };
      arrays[`v/${name}`] = { shape: v.shape, data: (await v.data() as Float32Array).slice() };
    }
    return arrays;
  }

  /** Takes moments back. @throws {RangeError} when one is missing */
  restore(arrays: NamedArrays, updates: number): void {
    for (const [name, { m, v }] of this.#moments) {
      for (const [key, variable] of [[`m/${name}`, m], [`v/${name}`, v]] as const) {
        const held = arrays[key];
        if (!held || held.data.length !== variable.size) {
          throw new RangeError(
            `restoring the optimizer: the checkpoint has no ${key} of shape [${variable.shape}]`,
          );
        }
        tf.tidy(() => variable.assign(tf.tensor(held.data, held.shape as number[])));
      }
    }
    this.updates = updates;
  }

  /** Gives the memory of the moments back. */
  dispose(): void {
    for (const { m, v } of this.#moments.values()) tf.dispose([m, v]);
    this.#moments.clear();
  }
}
