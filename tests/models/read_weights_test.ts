import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { parameterNames } from "../../lib/models/parameter_names.ts";
import { readWeights } from "../../lib/models/read_weights.ts";
import { readSafetensors, SafetensorsFile, writeSafetensors } from "../../lib/weights/safetensors.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { tinyConfig } from "../kernels/webgpu/tiny_decoder.ts";
import { largestArray } from "./largest_array.ts";

// An embedding of 3.1 million numbers: more than one piece.
const config = { ...tinyConfig, vocabSize: 130_000 };

/** The weights of a file whose tensors have the canonical names. */
async function read(path: string): Promise<[string, tf.Tensor][]> {
  const file = await SafetensorsFile.open(path);
  const places = new Map(parameterNames(config).map(({ name }) => [name, { stored: name }]));
  try {
    return await readWeights(config, { files: [file], places });
  } finally {
    file.close();
  }
}

async function withCheckpoint(
  dtype: "F32" | "BF16",
  use: (path: string) => Promise<void>,
  damage = -1,
): Promise<void> {
  const directory = await Deno.makeTempDir(), path = join(directory, "model.safetensors");
  const tensors = parameterNames(config).map(({ name, shape }) => {
    const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => (i % 251) / 32 - 1);
    if (name === "model.embed_tokens.weight" && damage >= 0) data[damage] = Infinity;
    return [name, { shape, data, dtype }] as const;
  });
  await writeSafetensors(path, Object.fromEntries(tensors));
  try {
    await use(path);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

testOnCpu(
  "readWeights() puts a file's numbers on the heap without a second copy of any large tensor",
  async () => {
    await startEngine({ threads: 1 });
    for (const dtype of ["F32", "BF16"] as const) {
      await withCheckpoint(dtype, async (path) => {
        let weights: [string, tf.Tensor][] = [];
        const largest = await largestArray(async () => {
          weights = await read(path);
        });
        assert.equal(largest, 8 << 20); // a piece of two million floats; the embedding has 12.5 MB
        const { tensors } = await readSafetensors(path);
        assert.deepEqual(weights.map(([name]) => name), parameterNames(config).map(({ name }) => name));
        for (const [name, tensor] of weights) {
          assert.deepEqual(tensor.shape, tensors[name].shape);
          assert.deepEqual(tensor.dataSync(), tensors[name].data, name);
        }
        tf.dispose(weights.map(([, tensor]) => tensor));
      });
    }
  },
);

for (const backend of ["wasm", "cpu"]) {
  testOnCpu(
    `readWeights() says where a damaged number stands, and leaves no tensor behind: ${backend}`,
    async () => {
      await startEngine({ threads: 1 });
      await tf.setBackend(backend);
      const before = tf.memory().numTensors, at = 2_500_000; // in the second piece
      await withCheckpoint("F32", async (path) => {
        await assert.rejects(
          read(path),
          /tensor model\.embed_tokens\.weight holds Infinity at 2500000; the weights are damaged/,
        );
      }, at);
      assert.equal(tf.memory().numTensors, before);
    },
  );
}
