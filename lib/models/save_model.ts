import { join } from "node:path";
import type { CausalLM } from "./causal_lm.ts";
import { toModelJson } from "./model_config.ts";
import { writeSafetensors } from "./safetensors.ts";
import type * as tf from "@tensorflow/tfjs";

const copied = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "tokenizer.model",
  "chat_template.jinja",
];

/** Saves a model as a Hugging Face directory that `transformers` loads; an adapter is merged into the weights. */
export async function saveModel(directory: string, model: CausalLM): Promise<void> {
  const { decoder, config } = model;
  await Deno.mkdir(directory, { recursive: true });
  const tensors: Record<string, { shape: number[]; data: Float32Array }> = {};
  for (const name of decoder.names) {
    tensors[name] = { shape: decoder.weight<tf.Tensor>(name).shape, data: await decoder.merged(name) };
  }
  await writeSafetensors(join(directory, "model.safetensors"), tensors, { format: "pt" });
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  await Deno.writeTextFile(join(directory, "config.json"), json(toModelJson(config)));
  await Deno.writeTextFile(
    join(directory, "generation_config.json"),
    json({ bos_token_id: config.bosId, eos_token_id: config.eosIds, pad_token_id: config.padId }),
  );
  if (!model.directory || model.directory === directory) return;
  for (const file of copied) {
    try {
      await Deno.copyFile(join(model.directory, file), join(directory, file));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
