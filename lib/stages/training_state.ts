import * as tf from "@tensorflow/tfjs";
import { Random } from "../random/random.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import type { AdamW, NamedArrays } from "../training/optimizer.ts";
import type { Checkpoint } from "../training/checkpoint.ts";

/** Copies of the trained parameters and the optimizer's moments, named for a checkpoint. */
export async function parameterState(model: CausalLM, optimizer: AdamW): Promise<Checkpoint["tensors"]> {
  const tensors: NamedArrays = {};
  for (const { name, variable } of model.decoder.parameters()) {
    tensors[`parameter/${name}`] = {
      shape: variable.shape,
      data: (await variable.data() as Float32Array).slice(),
    };
  }
  for (const [name, moment] of Object.entries(await optimizer.state())) tensors[`optimizer/${name}`] = moment;
  return tensors;
}

/** Gives the trained parameters the values of a checkpoint. @throws {RangeError} when it is of another model */
export function assignParameters(model: CausalLM, tensors: Checkpoint["tensors"]): void {
  const parameters = model.decoder.parameters();
  for (const { name, variable } of parameters) {
    const held = tensors[`parameter/${name}`];
    if (!held || held.shape.join() !== variable.shape.join()) {
      throw new RangeError(
        `taking weights from a checkpoint: it has ${
          held ? `${name} of shape [${held.shape}]` : `no ${name}`
        }, the model wants [${variable.shape}]; load the model, and add the adapter, that the run began with`,
      );
    }
  }
  for (const { name, variable } of parameters) {
    tf.tidy(() =>
      variable.assign(tf.tensor(tensors[`parameter/${name}`].data as Float32Array, variable.shape))
    );
  }
}

/** Takes parameters and moments back. @throws {RangeError} when the checkpoint is of another model */
export function restoreParameters(
  model: CausalLM,
  optimizer: AdamW,
  tensors: Checkpoint["tensors"],
  updates: number,
): void {
  assignParameters(model, tensors);
  const moments = Object.entries(tensors).filter(([name]) => name.startsWith("optimizer/")).map((
    [name, value],
  ) => [name.slice(10), value]);
  optimizer.restore(Object.fromEntries(moments), updates);
}

/**
 * Draws indices of a dataset epoch by epoch, each a fresh seeded shuffle: the data cursor of a run.
 */
export class EpochCursor {
  #random: Random;
  #order: number[] = [];
  #next = 0;

  constructor(readonly size: number, seed: number) {
    this.#random = new Random(seed);
  }

  draw(count: number): number[] {
    return Array.from({ length: count }, () => {
      if (this.#next >= this.#order.length) {
        this.#order = this.#random.shuffle(Array.from({ length: this.size }, (_, i) => i));
        this.#next = 0;
      }
      return this.#order[this.#next++];
    });
  }

  get state() {
    return { random: this.#random.state, order: this.#order, next: this.#next };
  }

  set state({ random, order, next }) {
    this.#random.state = random;
    this.#order = [...order];
    this.#next = next;
  }
}
