import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { checkMemory, ModelMemoryError } from "../../lib/models/check_memory.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { parseModelConfig } from "../../lib/models/model_config.ts";
import { ModelFileError } from "../../lib/weights/model_file_error.ts";
import { modelMemory } from "../../lib/models/model_memory.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";

/** config.json of google/gemma-3-1b-it, in what decides its size. */
const gemma1b = {
  model_type: "gemma3_text",
  vocab_size: 262144,
  hidden_size: 1152,
  intermediate_size: 6912,
  num_hidden_layers: 26,
  num_attention_heads: 4,
  num_key_value_heads: 1,
  sliding_window: 512,
};

/** A directory with a config.json and nothing else. */
async function withConfig(json: unknown, use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(directory, "config.json"), JSON.stringify(json));
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

testOnCpu(
  "loadModel() refuses a model that the CPU's memories cannot hold, before it looks for weights",
  async () => {
    const engine = await startEngine({ threads: 1 }), { wasm: { memory, outer } } = engine;
    const bytes = () => [memory.buffer.byteLength, outer.bytes], before = bytes();
    // without an adapter the weights are to be trained, on the heap
    await withConfig({ ...gemma1b, num_hidden_layers: 32 }, async (directory) => {
      await assert.rejects(loadModel(directory), (error) => {
        assert.ok(error instanceof ModelMemoryError, `${error}`);
        assert.match(error.message, /on the CPU, whose WebAssembly heap ends at 4\.29 GB/);
        assert.match(error.message, /gemma3_text with 1160\.9 M parameters takes about \d\.\d+ GB/);
        assert.match(error.message, /weights 4\.6\d GB, .*there are \d\.\d\d GB: .*or a GPU \(useBackend/);
        return true;
      });
    });
    await withConfig({ ...gemma1b, num_hidden_layers: 300 }, async (directory) => {
      await assert.rejects(
        loadModel({ path: directory, lora: { rank: 1 }, weights: "float32" }),
        /weights 33\.\d+ GB, .*GB for frozen weights: choose a smaller model, .*fewer bits \(weights: "q4"\)/,
      );
    });
    assert.deepEqual(bytes(), before); // nothing was allocated
    // With fewer layers, or frozen, it goes on, to the tokenizer that is not there.
    await withConfig({ ...gemma1b, num_hidden_layers: 4 }, async (directory) => {
      await assert.rejects(
        loadModel({ path: directory, lora: { rank: 16 }, weights: "float32" }),
        /tokenizer\.json is missing/,
      );
    });
  },
);

testOnCpu("checkMemory() counts what other models hold of the heap", async () => {
  const engine = await startEngine({ threads: 1 });
  const config = parseModelConfig({ ...gemma1b, num_hidden_layers: 13 }), where = "half";
  const need = checkMemory(config, { where }).total;
  const other = engine.output([Math.ceil((2 ** 32 - need) / 4) + 1024]); // never touched, so no memory is taken
  assert.throws(() => checkMemory(config, { where }), /loading half on the CPU.* there are 2\.\d\d GB/);
  tf.dispose(other);
  assert.equal(checkMemory(config, { where }).total, need);
});

testOnCpu("modelMemory() tells from config.json alone what a model takes, and whether it fits", async () => {
  await startEngine({ threads: 1 });
  await withConfig(gemma1b, async (directory) => {
    const use = { training: true, loraRank: 16 }, estimate = await modelMemory(directory, use);
    assert.equal(estimate.weights, 4 * 999_885_952);
    assert.match(estimate.message, /fits into 4\.\d\d GB and \d+\.\d\d GB for frozen weights/);
    assert.equal((await modelMemory(directory, { training: true })).fits, false);
    assert.equal((await modelMemory(directory, { ...use, limit: 4e9 })).fits, false);
    assert.equal((await modelMemory(directory, { ...use, limit: 24e9 })).fits, true);
    assert.equal((await modelMemory(directory, { ...use, limit: 4e9, weightLimit: 3e9 })).fits, false);
  });
  await assert.rejects(modelMemory("no-such-folder"), ModelFileError);
});
