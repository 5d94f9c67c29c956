import { GgufFile } from "../weights/gguf_file.ts";
import { type GgufDtype, type GgufTensorToWrite, writeGguf } from "../weights/write_gguf.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { ggufArchitectureOf, ggufConfig } from "./gguf_config.ts";
import { configEntries, generalEntries, tokenizerEntries } from "./gguf_entries.ts";
import { ggufName, unpaired } from "./gguf_parameters.ts";
import { openGguf } from "./gguf_source.ts";
import { compareLogits, compareWeights, fitsTwice, logitsOf, type ReadBack } from "./read_back.ts";
import { readDecoder } from "./read_decoder.ts";
import { inverseFrequencies } from "./rotary.ts";
import { differingField } from "./same_config.ts";
import type { SavedModel } from "./saved_model.ts";

/** Options of {@linkcode saveGguf}. */
export interface SaveGgufOptions {
  /** How the matrices' numbers are stored; norms and biases stay float32. @default "F16" */
  dtype?: GgufDtype;
  /** Read back what was written and compare it. @default true */
  verify?: boolean;
}

/** `general.file_type` by the type of most numbers. */
const fileTypes: Record<GgufDtype, number> = { F32: 0, F16: 1, BF16: 32, Q8_0: 7 };

/**
 * Saves a model, the adapter in use merged in, as a GGUF file with its tokenizer and chat template: Ollama and llama.cpp run it. One tensor
 * at a time leaves the device. It is read back and compared, as `saveModel` does.
 *
 * @throws {RangeError} for a type that is not written, or a model that a GGUF file cannot describe; nothing is left then
 * @throws {ModelFileError} when what was written is another model
 */
export async function saveGguf(
  path: string,
  model: SavedModel,
  { dtype = "F16", verify = true }: SaveGgufOptions = {},
): Promise<ReadBack | null> {
  if (!Object.hasOwn(fileTypes, dtype)) {
    throw new RangeError(
      `saving a model to ${path} needs a dtype of F32, F16, BF16 or Q8_0, got ${JSON.stringify(dtype)}`,
    );
  }
  const { config, decoder } = model, architecture = ggufArchitectureOf(config, path), { gguf } = architecture;
  const metadata = {
    ...await generalEntries(model, { architecture: gguf.name, type: "model", path }),
    "general.file_type": { type: "uint32", value: fileTypes[dtype] } as const,
    ...configEntries(config, architecture),
    ...await tokenizerEntries(model),
  };
  const tensors = decoder.names.map((name): GgufTensorToWrite => {
    const shape = decoder.shape(name), matrix = shape.length > 1;
    const blocks = dtype !== "Q8_0" || shape.at(-1)! % 32 === 0;
    return {
      name: ggufName(name, config),
      shape,
      dtype: !matrix ? "F32" : blocks ? dtype : "F16",
      fetch: async () =>
        stored(await decoder.merged(name), { name, shape, config, rotaryPairs: gguf.rotaryPairs }),
    };
  });
  await writeGguf(path, {
    metadata,
    tensors: [...tensors, ...rotaryFactors(config)],
    check: (temporary) => checkConfig(temporary, { path, config }),
  });
  return verify ? await readBack(path, { model, dtype }) : null;
}

/** The numbers as llama.cpp has them: rows of queries and keys in pairs, Gemma's norms plus one. */
export function stored(
  values: Float32Array,
  { name, shape: [rows, width = 1], config, rotaryPairs }: {
    name: string;
    shape: number[];
    config: DecoderConfig;
    rotaryPairs: boolean;
  },
): Float32Array {
  if (config.rmsAddOne && name.endsWith("norm.weight")) return values.map((value) => value + 1);
  if (!rotaryPairs || !/\.[qk]_proj\./.test(name)) return values;
  const rowOf = unpaired(config.headDim), paired = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    paired.set(values.subarray(rowOf(row) * width, (rowOf(row) + 1) * width), row * width);
  }
  return paired;
}

/** What Llama 3.1's scaling divides each frequency by, which GGUF files hold as a tensor. */
function rotaryFactors({ layerRope: [rope], headDim }: DecoderConfig): GgufTensorToWrite[] {
  if (rope.scaling?.type !== "llama3") return [];
  const plain = inverseFrequencies({ ...rope, scaling: null }, headDim),
    scaled = inverseFrequencies(rope, headDim);
  const factors = Float32Array.from(plain, (frequency, i) => frequency / scaled[i]);
  return [{
    name: "rope_freqs.weight",
    shape: [headDim / 2],
    dtype: "F32",
    fetch: () => Promise.resolve(factors),
  }];
}

/** Sees that the file describes the same decoder, before it gets its name. */
async function checkConfig(
  temporary: string,
  { path, config }: { path: string; config: DecoderConfig },
): Promise<void> {
  const file = await GgufFile.open(temporary);
  try {
    const read = await ggufConfig([file]);
    // the ends of a completion come back with the tokenizer too
    const field = differingField(config, { ...read, eosIds: config.eosIds }, { tolerance: 1e-6 });
    if (field === null) return;
    throw new RangeError(
      `saving a model to ${path}: a GGUF file of ${config.architecture} cannot say ${field} = ${
        JSON.stringify(config[field])
      }, it would read back as ${JSON.stringify(read[field])}; save it as a directory`,
    );
  } finally {
    file.close();
  }
}

async function readBack(
  path: string,
  { model, dtype }: { model: SavedModel; dtype: string },
): Promise<ReadBack> {
  const { config, checkpoint, files } = await openGguf(path);
  if (fitsTwice(model)) {
    const decoder = await readDecoder(config, checkpoint);
    try {
      return await compareLogits(model, { path, dtype, again: (ids) => logitsOf(decoder, ids) });
    } finally {
      decoder.dispose();
    }
  }
  try {
    const { rotaryPairs } = ggufArchitectureOf(config, path).gguf;
    return await compareWeights(model, {
      path,
      dtype,
      change: (name, values) =>
        stored(values, { name, shape: model.decoder.shape(name), config, rotaryPairs }),
      stored: (name) => files[0].pieces(ggufName(name, config)),
    });
  } finally {
    for (const file of files) file.close();
  }
}
