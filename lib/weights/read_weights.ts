import * as tf from "@tensorflow/tfjs";
import { cpuEngine } from "../kernels/cpu/engine.ts";
import type { DecoderConfig } from "../models/decoder_config.ts";
import { ModelFileError } from "./model_file_error.ts";
import { findParameters, parameterNames } from "../models/parameter_names.ts";
import { SafetensorsFile } from "./safetensors.ts";

/**
 * Reads a decoder's weights out of safetensors files into float32 tensors, one after the other; on the CPU piece by piece straight
 * into the WebAssembly heap, so that no tensor is in memory twice. The caller disposes of them.
 *
 * @param where what to call the checkpoint in messages
 * @throws {ModelFileError} naming the file, the tensor and what was expected; no tensor is left behind
 */
export async function readWeights(
  config: DecoderConfig,
  { paths, where }: { paths: string[]; where: string },
): Promise<[string, tf.Tensor][]> {
  const files: SafetensorsFile[] = [], weights: [string, tf.Tensor][] = [];
  try {
    for (const path of paths) files.push(await SafetensorsFile.open(path));
    const found = findParameters(config, {
      names: files.flatMap(({ tensors }) => [...tensors.keys()]),
      where,
    });
    // All shapes before any number: a checkpoint of another size is refused at once.
    const places = parameterNames(config).map(({ name, shape }) => {
      const stored = found.get(name)!, file = files.find(({ tensors }) => tensors.has(stored))!;
      const entry = file.tensors.get(stored)!;
      if (entry.shape.join() !== shape.join()) {
        throw new ModelFileError(
          `loading ${file.path}: tensor ${stored} has the shape [${entry.shape}], the configuration wants [${shape}]`,
        );
      }
      return { name, shape, stored, file };
    });
    for (const { name, shape, stored, file } of places) {
      weights.push([name, await readTensor(file, stored, shape)]);
    }
    return weights;
  } catch (error) {
    tf.dispose(weights.map(([, tensor]) => tensor));
    throw error;
  } finally {
    for (const file of files) file.close();
  }
}

async function readTensor(file: SafetensorsFile, stored: string, shape: number[]): Promise<tf.Tensor> {
  const engine = cpuEngine(),
    onHeap = engine?.output(shape),
    address = engine && onHeap ? engine.at(onHeap) : 0;
  const whole = engine ? null : new Float32Array(shape.reduce((a, b) => a * b, 1));
  try {
    for await (const { at, values } of file.pieces(stored)) {
      for (let i = 0; i < values.length; i++) {
        if (Math.abs(values[i]) < Infinity) continue;
        throw new ModelFileError(
          `loading ${file.path}: tensor ${stored} holds ${values[i]} at ${at + i}; the weights are damaged`,
        );
      }
      if (whole) whole.set(values, at);
      // a fresh view each time: the buffer is another one after the heap has grown
      else new Float32Array(engine!.wasm.memory.buffer, address + 4 * at, values.length).set(values);
    }
  } catch (error) {
    onHeap?.dispose();
    throw error;
  }
  return onHeap ?? tf.tensor(whole!, shape, "float32");
}
