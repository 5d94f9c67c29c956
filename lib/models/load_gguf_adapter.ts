import * as tf from "@tensorflow/tfjs";
import { GgufFile } from "../weights/gguf_file.ts";
import { ModelFileError } from "../weights/model_file_error.ts";
import type { Decoder, LoraValues } from "./decoder.ts";
import { ggufArchitectureOf } from "./gguf_config.ts";
import { ggufName, unpaired } from "./gguf_parameters.ts";
import { type LoraSettings, loraSettings } from "./lora.ts";
import { linearModules } from "./lora_modules.ts";

/**
 * Loads an adapter from llama.cpp's GGUF format and puts it to use. All of it is read and checked before the model changes.
 *
 * @throws {ModelFileError} naming the file and what does not fit; the model is then as it was
 */
export async function loadGgufAdapter(
  path: string,
  decoder: Decoder,
  { name = "default" }: { name?: string } = {},
): Promise<LoraSettings> {
  const file = await GgufFile.open(path), { config } = decoder;
  const fail = (rule: string): never => {
    throw new ModelFileError(`loading the adapter ${path}: ${rule}`);
  };
  try {
    const { gguf } = ggufArchitectureOf(config, path), said = (key: string) => file.metadata.get(key);
    if (said("general.type") !== "adapter" || said("adapter.type") !== "lora") fail("it is no LoRA adapter");
    if (said("general.architecture") !== gguf.name) {
      fail(
        `it is for ${JSON.stringify(said("general.architecture"))}, the model is ${
          JSON.stringify(gguf.name)
        }`,
      );
    }
    const alpha = said("adapter.lora.alpha");
    if (typeof alpha !== "number" || !(alpha > 0)) {
      return fail(`adapter.lora.alpha is ${alpha}, expected a number above 0`);
    }

    const pairs: { module: string; a: Float32Array; b: Float32Array; rank: number }[] = [];
    const left = new Set(file.tensors.keys());
    for (const module of linearModules(decoder)) {
      const stem = ggufName(`${module}.weight`, config), [a, b] = [`${stem}.lora_a`, `${stem}.lora_b`];
      if (!left.delete(a) && !left.has(b)) continue;
      if (!left.delete(b) || !file.tensors.has(a)) fail(`of ${stem} only one of lora_a and lora_b is there`);
      const [out, width] = decoder.shape(`${module}.weight`), { shape: [rank, inner] } = file.tensors.get(a)!;
      const shapes = [file.tensors.get(a)!.shape, file.tensors.get(b)!.shape].map((shape) => shape.join());
      if (inner !== width || shapes[1] !== `${out},${rank}`) {
        fail(
          `${stem} has A [${shapes[0]}] and B [${
            shapes[1]
          }], the model wants [rank,${width}] and [${out},rank]`,
        );
      }
      const rowOf = gguf.rotaryPairs && /\.[qk]_proj$/.test(module)
        ? unpaired(config.headDim)
        : (row: number) => row;
      pairs.push({
        module,
        a: await read(file, a),
        b: rowsOf(await read(file, b), { width: rank, rowOf }),
        rank,
      });
    }
    const [stray] = left;
    if (stray !== undefined) fail(`tensor ${stray} belongs to no linear layer of this model`);
    if (pairs.length === 0) fail("it holds no LoRA pair");

    const ranks = pairs.map(({ rank }) => rank), rank = Math.max(...ranks);
    const values: LoraValues = new Map(pairs.map(({ module, a, b, rank }) => {
      const [out, width] = decoder.shape(`${module}.weight`);
      return [module, {
        a: tf.tensor2d(a, [rank, width]),
        b: tf.tensor2d(b, [out, rank]),
        scale: alpha / rank,
      }];
    }));
    const others = pairs.filter((pair) => pair.rank !== rank);
    const settings = loraSettings({
      name,
      rank,
      alpha,
      targets: pairs.map(({ module }) => module),
      rankPattern: Object.fromEntries(
        others.map(({ module, rank }) => [module.replaceAll(".", "\\."), rank]),
      ),
    });
    decoder.addAdapter(values, name);
    for (const { a, b } of values.values()) tf.dispose([a, b]);
    return settings;
  } finally {
    file.close();
  }
}

async function read(file: GgufFile, name: string): Promise<Float32Array> {
  const values = new Float32Array(file.tensors.get(name)!.shape.reduce((a, b) => a * b, 1));
  for await (const { at, values: piece } of file.pieces(name)) {
    const bad = piece.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) {
      throw new ModelFileError(
        `loading ${file.path}: tensor ${name} holds ${piece[bad]} at ${at + bad}; the weights are damaged`,
      );
    }
    values.set(piece, at);
  }
  return values;
}

function rowsOf(
  values: Float32Array,
  { width, rowOf }: { width: number; rowOf: (row: number) => number },
): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row * width < values.length; row++) {
    out.set(values.subarray(row * width, (row + 1) * width), rowOf(row) * width);
  }
  return out;
}
