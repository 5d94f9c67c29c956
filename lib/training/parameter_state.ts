import * as tf from "@tensorflow/tfjs";
import type { Decoder } from "../models/decoder.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { NamedArrays } from "./optimizer.ts";

/** Copies of the trained parameters, named for a checkpoint. */
export async function parameterState(decoder: Decoder): Promise<NamedArrays> {
  const tensors: NamedArrays = {};
  for (const { name, variable } of decoder.parameters()) {
    tensors[`parameter/${name}`] = {
      shape: variable.shape,
      data: (await variable.data() as Float32Array).slice(),
    };
  }
  return tensors;
}

/** Gives the trained parameters the values of a checkpoint. @throws {RangeError} when it is of another model */
export function assignParameters(decoder: Decoder, tensors: Checkpoint["tensors"]): void {
  const parameters = decoder.parameters();
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
