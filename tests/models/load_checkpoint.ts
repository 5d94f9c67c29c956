import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { Decoder } from "../../lib/models/decoder.ts";
import { parseModelConfig } from "../../lib/models/model_config.ts";
import { findParameters, parameterNames } from "../../lib/models/parameter_names.ts";
import { SafetensorsFile } from "../../lib/weights/safetensors.ts";

/** Tiny random checkpoints that tests/fixtures/make_checkpoints.py made with transformers, in float32 and eager attention. */
export const checkpoints = join(import.meta.dirname!, "../fixtures/checkpoints");

/** A JSON file. */
export const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));

/** The decoder of a checkpoint below `checkpoints`, without its tokenizer. */
export async function loadCheckpoint(name: string, config: string): Promise<Decoder> {
  const directory = resolve(checkpoints, name),
    parsed = parseModelConfig(await readJson(join(directory, config)));
  const files: SafetensorsFile[] = [];
  try {
    for (const { name } of Deno.readDirSync(directory)) {
      if (name.endsWith(".safetensors")) files.push(await SafetensorsFile.open(join(directory, name)));
    }
    const found = findParameters(parsed, {
      names: files.flatMap(({ tensors }) => [...tensors.keys()]),
      where: name,
    });
    const weights: [string, { shape: number[]; data: Float32Array }][] = [];
    for (const { name, shape } of parameterNames(parsed)) {
      const stored = found.get(name)!, file = files.find(({ tensors }) => tensors.has(stored))!;
      const { data, shape: storedShape } = await file.read(stored);
      assert.deepEqual(storedShape, shape, name);
      weights.push([name, { shape, data: data as Float32Array }]);
    }
    return new Decoder(parsed, weights);
  } finally {
    for (const file of files) file.close();
  }
}
