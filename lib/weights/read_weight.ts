import * as tf from "@tensorflow/tfjs";
import { cpuEngine } from "../kernels/cpu/engine.ts";
import { frozenRoom } from "../kernels/frozen_room.ts";
import { ModelFileError } from "./model_file_error.ts";
import type { WeightFile } from "./weight_file.ts";

/** How a stored tensor becomes the weight that it is. */
export interface ReadWeightOptions {
  shape: number[];
  /** The row of the weight that a stored row is. @default the same */
  rowOf?: (stored: number) => number;
  /** Added to every number. @default 0 */
  add?: number;
  /** Whether it is a matrix that stays as it is: then it lies outside tfjs's heap on the CPU. @default false */
  frozen?: boolean;
}

/** Numbers of a tensor that are read at once, unless a row is longer. */
export const pieceElements = 1 << 21;

/**
 * Reads one tensor into float32; on the CPU piece by piece straight to where it stays, so that it is in memory once. The
 * caller disposes of it.
 *
 * @throws {ModelFileError} naming the file, the tensor and the number that is none
 */
export async function readWeight(
  file: WeightFile,
  stored: string,
  { shape, rowOf, add = 0, frozen = false }: ReadWeightOptions,
): Promise<tf.Tensor> {
  const engine = cpuEngine(),
    room = frozen && engine ? frozenRoom(shape as [number, number], "float32") : null,
    onHeap = room ? undefined : engine?.output(shape),
    address = engine && onHeap ? engine.at(onHeap) : 0;
  const size = shape.reduce((a, b) => a * b, 1), width = shape.length > 1 ? size / shape[0] : 1;
  const whole = engine ? null : new Float32Array(size);
  try {
    const elements = rowOf ? Math.max(1, Math.floor(pieceElements / width)) * width : pieceElements;
    for await (const { at, values } of file.pieces(stored, elements)) {
      for (let i = 0; i < values.length; i++) {
        if (Math.abs(values[i]) < Infinity) continue;
        throw new ModelFileError(
          `loading ${file.path}: tensor ${stored} holds ${values[i]} at ${at + i}; the weights are damaged`,
        );
      }
      if (add !== 0) { for (let i = 0; i < values.length; i++) values[i] += add; }
      // a fresh view each time: the buffer is another one after the heap has grown
      const target = room?.values ?? whole ?? new Float32Array(engine!.wasm.memory.buffer, address, size);
      if (!rowOf) target.set(values, at);
      else {
        for (let from = 0; from < values.length; from += width) {
          target.set(values.subarray(from, from + width), rowOf((at + from) / width) * width);
        }
      }
    }
  } catch (error) {
    onHeap?.dispose();
    room?.drop();
    throw error;
  }
  return room?.tensor() ?? onHeap ?? tf.tensor(whole!, shape, "float32");
}
