import * as tf from "@tensorflow/tfjs";
import { ModelFileError } from "../weights/model_file_error.ts";
import { type KeptWeights, readStored } from "../weights/read_stored.ts";
import { readWeight } from "../weights/read_weight.ts";
import type { WeightFile } from "../weights/weight_file.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { parameterNames } from "./parameter_names.ts";

/** Where a parameter of a decoder stands in a file, and how it becomes the weight that it is. */
export interface ParameterPlace {
  /** Its name in the file. */
  stored: string;
  /** The row of the weight that a stored row is. @default the same */
  rowOf?: (stored: number) => number;
  /** Added to every number. @default 0 */
  add?: number;
}

/** Open files of a checkpoint, and where each parameter stands in them. */
export interface Checkpoint {
  files: WeightFile[];
  places: ReadonlyMap<string, ParameterPlace>;
}

/** How a decoder's weights are kept. */
export interface KeepOptions {
  /** @default "float32" */
  kept?: KeptWeights;
  /** Whether no weight will be trained: float32 matrices then lie where those in few bits do. @default false */
  frozen?: boolean;
}

/**
 * Reads a decoder's weights into tensors, one after the other, so that no tensor is in memory twice: float32, or matrices as `kept` says,
 * which cannot be trained. The caller disposes of them, and closes the files.
 *
 * @throws {ModelFileError} naming the file, the tensor and what was expected; no tensor is left behind
 */
export async function readWeights(
  config: DecoderConfig,
  { files, places }: Checkpoint,
  { kept = "float32", frozen = false }: KeepOptions = {},
): Promise<[string, tf.Tensor][]> {
  // All shapes before any number: a checkpoint of another size is refused at once.
  const found = parameterNames(config).map(({ name, shape }) => {
    const place = places.get(name)!, file = files.find(({ tensors }) => tensors.has(place.stored))!;
    const stored = file.tensors.get(place.stored)!;
    if (stored.shape.join() !== shape.join()) {
      throw new ModelFileError(
        `loading ${file.path}: tensor ${place.stored} has the shape [${stored.shape}], the configuration wants [${shape}]`,
      );
    }
    return { name, shape, file, ...place };
  });
  const weights: [string, tf.Tensor][] = [];
  try {
    for (const { name, file, stored, ...rest } of found) {
      const few = name.includes("norm") || rest.add
        ? null
        : await readStored(file, stored, { ...rest, kept });
      weights.push([
        name,
        few ?? await readWeight(file, stored, { ...rest, frozen: frozen && rest.shape.length === 2 }),
      ]);
    }
    return weights;
  } catch (error) {
    tf.dispose(weights.map(([, tensor]) => tensor));
    throw error;
  }
}
