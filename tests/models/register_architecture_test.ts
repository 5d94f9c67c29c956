import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { registerArchitecture } from "../../lib/models/architectures/all.ts";
import { parseModelConfig, toModelJson } from "../../lib/models/model_config.ts";
import { checkpoints, loadCheckpoint, readJson } from "./load_checkpoint.ts";
import { mistral } from "./mistral.ts";

Deno.test("registerArchitecture() makes a family known whose description is one file", async () => {
  await tf.setBackend("cpu");
  const published = { model_type: "mistral", sliding_window: 4096, rope_theta: 1e4, hidden_size: 4096 };
  assert.throws(() => parseModelConfig(published), /"mistral" .* is not supported/);
  registerArchitecture(mistral);
  assert.throws(() => registerArchitecture(mistral), /the name "mistral" is taken/);
  const config = parseModelConfig(published);
  assert.deepEqual([config.kvHeads, config.headDim, config.layerWindows[31]], [8, 128, 4096]);
  assert.deepEqual(parseModelConfig(toModelJson(config)), config);
  assert.deepEqual(toModelJson(config).architectures, ["MistralForCausalLM"]);

  // Without a window it computes what the Llama of the same weights does.
  const directory = await Deno.makeTempDir(), source = join(checkpoints, "llama");
  for await (const { name, isFile } of Deno.readDir(source)) {
    if (isFile) await Deno.copyFile(join(source, name), join(directory, name));
  }
  const json = {
    ...await readJson(join(source, "config.json")),
    model_type: "mistral",
    sliding_window: null,
  };
  await Deno.writeTextFile(join(directory, "config.json"), JSON.stringify(json));
  const decoder = await loadCheckpoint(directory, "config.json");
  const { inputs, logits } = await readJson(join(source, "expected.json"));
  const own = decoder.logits([inputs[0]]), values = await own.data();
  logits[0].forEach((value: number, i: number) => assert.ok(Math.abs(value - values[i]) < 1e-4));
  own.dispose();
  decoder.dispose();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("toModelJson() refuses an architecture that nobody registered", () => {
  const config = parseModelConfig({ model_type: "llama", num_hidden_layers: 1 });
  assert.throws(
    () => toModelJson({ ...config, architecture: "mamba" }),
    /"mamba" is not known; known: gemma3_text/,
  );
});
