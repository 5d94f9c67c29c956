import type { Architecture } from "./architecture.ts";
import { readQwen, writeQwen } from "./qwen2.ts";

/** Qwen 3, dense: Qwen 2 with QK-norm instead of biases and a head size of its own (Qwen3 Technical Report, 2025, §2). */
export const qwen3: Architecture = {
  name: "qwen3",
  transformersClass: "Qwen3ForCausalLM",
  gguf: { name: "qwen3", rotaryPairs: false, read: () => ({}), write: () => ({}) },
  defaults: { vocabSize: 151_936, bosId: null, eosIds: [], padId: null, tiedEmbeddings: false },
  read(fields) {
    const bias = fields.flag("attention_bias", false);
    return { ...readQwen(fields, 128), qkNorm: true, attentionBias: bias, outputBias: bias };
  },
  write: (config) => ({ ...writeQwen(config), attention_bias: config.attentionBias }),
};
