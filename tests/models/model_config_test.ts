import assert from "node:assert/strict";
import { modelJsonText, parseModelConfig, toModelJson } from "../../lib/models/model_config.ts";
import { ModelFileError } from "../../lib/weights/model_file_error.ts";
import { findParameters, parameterNames } from "../../lib/models/parameter_names.ts";

const gemma270m = {
  architectures: ["Gemma3ForCausalLM"],
  model_type: "gemma3_text",
  vocab_size: 262144,
  hidden_size: 640,
  intermediate_size: 2048,
  num_hidden_layers: 18,
  num_attention_heads: 4,
  num_key_value_heads: 1,
  head_dim: 256,
  query_pre_attn_scalar: 256,
  sliding_window: 512,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-6,
  use_bidirectional_attention: false,
  attn_logit_softcapping: null,
  eos_token_id: 1,
  bos_token_id: 2,
  pad_token_id: 0,
};
const kinds = Array.from(
  { length: 18 },
  (_, i) => (i + 1) % 6 === 0 ? "full_attention" : "sliding_attention",
);
const flat = {
  ...gemma270m,
  rope_theta: 1e6,
  rope_local_base_freq: 1e4,
  rope_scaling: { rope_type: "linear", factor: 8 },
  _sliding_window_pattern: 6,
};
const nested = {
  ...gemma270m,
  layer_types: kinds,
  rope_parameters: {
    full_attention: { rope_type: "linear", factor: 8, rope_theta: 1e6 },
    sliding_attention: { rope_type: "default", rope_theta: 1e4 },
  },
};

Deno.test("parseModelConfig() reads both generations of Gemma 3 alike", () => {
  const config = parseModelConfig(flat, { generation: { eos_token_id: [1, 106] } });
  assert.deepEqual(parseModelConfig(nested, { generation: { eos_token_id: [1, 106] } }), config);
  assert.deepEqual(config.layerWindows.slice(0, 7), [512, 512, 512, 512, 512, null, 512]);
  assert.deepEqual(config.layerRope.slice(4, 6), [
    { base: 1e4, scaling: null },
    { base: 1e6, scaling: { type: "linear", factor: 8 } },
  ]);
  assert.deepEqual(config.eosIds, [1, 106]);
  assert.equal(config.queryScale, 1 / 16);
  assert.equal(config.embeddingScale, Math.sqrt(640));
  assert.equal(config.tiedEmbeddings, true);
});

Deno.test("parseModelConfig() reads the text half of the multimodal Gemma 3", () => {
  const config = parseModelConfig({
    model_type: "gemma3",
    eos_token_id: [1, 106],
    image_token_index: 262144,
    vision_config: { hidden_size: 1152 },
    text_config: {
      model_type: "gemma3_text",
      hidden_size: 2560,
      intermediate_size: 10240,
      num_hidden_layers: 34,
      rope_scaling: { factor: 8.0, rope_type: "linear" },
      sliding_window: 1024,
    },
  });
  // gemma-3-4b-it relies on the defaults of its configuration class for all the rest.
  assert.deepEqual([config.heads, config.kvHeads, config.headDim, config.vocabSize], [8, 4, 256, 262208]);
  assert.deepEqual(config.eosIds, [1, 106]);
  assert.deepEqual(config.layerWindows.slice(4, 6), [1024, null]);
  const names = parameterNames(config).map(({ name }) => "language_model." + name);
  const found = findParameters(config, {
    names: [...names, "vision_tower.vision_model.post_layernorm.bias"],
    where: "4b",
  });
  assert.equal(found.get("model.norm.weight"), "language_model.model.norm.weight");
});

Deno.test("parseModelConfig() reads llama3 scaling, Qwen biases and Gemma 2 caps", () => {
  const scaling = {
    factor: 32,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  };
  const flat = {
    model_type: "llama",
    num_hidden_layers: 1,
    rope_theta: 5e5,
    rope_scaling: { ...scaling, rope_type: "llama3" },
  };
  const llama = parseModelConfig(flat);
  assert.deepEqual(llama.layerRope, [{
    base: 5e5,
    scaling: { type: "llama3", factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 },
  }]);
  const nested = {
    ...flat,
    rope_scaling: undefined,
    rope_theta: undefined,
    rope_parameters: { ...scaling, rope_type: "llama3", rope_theta: 5e5 },
  };
  assert.deepEqual(parseModelConfig(nested), llama);

  const qwen2 = parseModelConfig({
    model_type: "qwen2",
    hidden_size: 896,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    tie_word_embeddings: true,
  });
  assert.deepEqual([qwen2.headDim, qwen2.attentionBias, qwen2.outputBias, qwen2.tiedEmbeddings], [
    64,
    true,
    false,
    true,
  ]);
  assert.ok(qwen2.layerWindows.every((window) => window === null));
  const sliding = parseModelConfig({
    model_type: "qwen2",
    use_sliding_window: true,
    sliding_window: 9,
    num_hidden_layers: 3,
    max_window_layers: 1,
  });
  assert.deepEqual(sliding.layerWindows, [null, 9, 9]);

  const gemma2 = parseModelConfig({
    model_type: "gemma2",
    num_hidden_layers: 2,
    query_pre_attn_scalar: 144,
    final_logit_softcapping: null,
  });
  assert.deepEqual([gemma2.queryScale, gemma2.attentionSoftcap, gemma2.finalSoftcap], [1 / 12, 50, null]);
  assert.deepEqual(gemma2.layerWindows, [4096, null]);
  const qwen3 = parseModelConfig({
    model_type: "qwen3",
    hidden_size: 1024,
    num_attention_heads: 16,
    num_key_value_heads: 8,
  });
  assert.deepEqual([qwen3.headDim, qwen3.qkNorm, qwen3.attentionBias], [128, true, false]);
});

Deno.test("parseModelConfig() takes -1 as no token, as Llama's first configurations have it", () => {
  const base = { model_type: "llama", num_hidden_layers: 2 };
  assert.equal(parseModelConfig({ ...base, pad_token_id: -1 }).padId, null);
  assert.deepEqual(parseModelConfig({ ...base, eos_token_id: -1 }).eosIds, []);
  assert.deepEqual(parseModelConfig({ ...base, eos_token_id: [-1, 7] }).eosIds, [7]);
});

Deno.test("parseModelConfig() refuses what it cannot do, by name", () => {
  const base = { model_type: "llama", num_hidden_layers: 2 };
  const cases: [unknown, RegExp][] = [
    [{ model_type: "mamba" }, /"mamba".*not supported; supported: gemma3_text, gemma2, qwen3, qwen2, llama/],
    [{}, /architecture null/],
    [[], /expected a JSON object/],
    [{ ...base, rope_scaling: { type: "yarn", factor: 4 } }, /"yarn".*not supported/],
    [{ ...base, rope_scaling: { rope_type: "linear" } }, /"factor" is missing/],
    [{ ...base, partial_rotary_factor: 0.5 }, /"partial_rotary_factor": 0.5/],
    [{ ...base, quantization_config: { bits: 4 } }, /"quantization_config"/],
    [{ ...base, hidden_act: "relu" }, /"hidden_act": "relu"/],
    [
      { ...base, num_attention_heads: 6, num_key_value_heads: 4 },
      /\(6\) must be a multiple of "num_key_value_heads" \(4\)/,
    ],
    [{ ...base, head_dim: 5 }, /"head_dim" must be even.*not 5/],
    [{ ...base, hidden_size: "64" }, /"hidden_size" must be a whole number from 1, not "64"/],
    [{ ...base, eos_token_id: -2 }, /"eos_token_id"/],
    [{ ...base, pad_token_id: 1.5 }, /"pad_token_id"/],
    [{ ...gemma270m, use_bidirectional_attention: true }, /"use_bidirectional_attention": true/],
    [{ ...gemma270m, attn_logit_softcapping: 50 }, /"attn_logit_softcapping": 50/],
    [{ ...gemma270m, layer_types: ["full_attention"] }, /"layer_types" must list 18 layers/],
    [{ ...gemma270m, layer_types: kinds.map(() => "chunked_attention") }, /"chunked_attention"/],
    [
      { model_type: "qwen2", num_hidden_layers: 1, layer_types: ["sliding_attention"] },
      /"use_sliding_window" is off/,
    ],
  ];
  for (const [json, message] of cases) {
    assert.throws(() => parseModelConfig(json, { where: "tiny/config.json" }), (error) => {
      assert.ok(error instanceof ModelFileError);
      assert.match(error.message, message);
      assert.match(error.message, /tiny\/config\.json/);
      return true;
    });
  }
});

Deno.test("toModelJson() writes what parseModelConfig() reads back", () => {
  const rope_scaling = {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 64,
  };
  for (
    const json of [
      flat,
      nested,
      { model_type: "gemma2", query_pre_attn_scalar: 144, num_hidden_layers: 3 },
      { model_type: "qwen3", num_hidden_layers: 2, eos_token_id: [3, 4] },
      {
        model_type: "qwen2",
        num_hidden_layers: 3,
        use_sliding_window: true,
        sliding_window: 4,
        max_window_layers: 0,
      },
      { model_type: "llama", num_hidden_layers: 2, mlp_bias: true, attention_bias: true, rope_scaling },
    ]
  ) {
    const config = parseModelConfig(json);
    assert.deepEqual(parseModelConfig(JSON.parse(JSON.stringify(toModelJson(config)))), config);
  }
});

const families = ["gemma3_text", "gemma2", "qwen3", "qwen2", "llama"];

Deno.test("parseModelConfig() refuses in every family what its decoder has not, and passes over what changes nothing", () => {
  const everywhere: Record<string, unknown>[] = [
    ...["yarn", "dynamic", "longrope", "proportional", "mrope"].flatMap((type) => [
      { rope_scaling: { rope_type: type, factor: 2 } },
      { rope_parameters: { rope_type: type, factor: 2, rope_theta: 1e4 } },
    ]),
    { quantization_config: { quant_method: "bitsandbytes" } },
    { compression_config: { quant_method: "compressed-tensors" } },
    { num_experts: 8 },
    { num_local_experts: 8 },
    { n_routed_experts: 64 },
    { partial_rotary_factor: 0.5 },
    { rotary_pct: 0.25 },
    { rope_interleaved: true },
    { use_mrope: true },
    { no_rope_layers: [1, 0] },
    { use_bidirectional_attention: true },
    { is_causal: false },
    { add_cross_attention: true },
    { residual_multiplier: 0.22 },
    { attention_multiplier: 0.0156 },
    { logits_scaling: 8 },
    { scale_emb: 12 },
    { use_qk_norm: true },
    { qk_layernorm: true },
    { use_parallel_residual: true },
    { num_kv_shared_layers: 10 },
    { hidden_size_per_layer_input: 256 },
    { layer_types: ["full_attention", "linear_attention"] },
    { layer_types: ["chunked_attention", "full_attention"] },
    { architectures: ["LlamaForSequenceClassification"] },
    { auto_map: { AutoModel: "x.Y" } },
  ];
  const some: [string[], Record<string, unknown>][] = [
    [["qwen3", "qwen2", "llama"], { hidden_act: "gelu" }],
    [["qwen3", "qwen2", "llama"], { hidden_act: "relu2" }],
    [["gemma3_text", "gemma2"], { hidden_activation: "gelu" }],
    [["qwen3", "qwen2", "llama"], { final_logit_softcapping: 30 }],
    [["gemma3_text", "qwen3", "qwen2", "llama"], { attn_logit_softcapping: 50 }],
    [["qwen3", "qwen2", "llama"], { query_pre_attn_scalar: 224 }],
    [["gemma3_text", "gemma2", "qwen3", "qwen2"], { mlp_bias: true }],
    [["llama"], { use_sliding_window: true }],
    [["llama", "qwen2", "qwen3"], { layer_types: ["full_attention", "sliding_attention"] }],
  ];
  const cases = [...everywhere.map((option) => [families, option] as const), ...some];
  let refused = 0;
  for (const [types, option] of cases) {
    const [name] = Object.keys(option);
    for (const model_type of types) {
      assert.throws(() => parseModelConfig({ model_type, num_hidden_layers: 2, ...option }), (error) => {
        assert.ok(error instanceof ModelFileError, `${error}`);
        assert.ok(error.message.includes(name), `${model_type}: ${error.message}`);
        return true;
      }, `${model_type} takes ${JSON.stringify(option)}`);
      refused++;
    }
  }
  assert.equal(refused, everywhere.length * 5 + 26);
  // what published files say and what changes no logit
  const harmless = {
    architectures: ["ForCausalLM"],
    attention_dropout: 0.1,
    pretraining_tp: 2,
    rope_interleaved: false,
    use_mrope: false,
    is_llama_config: true,
    quantization_config: null,
    use_cache: false,
    num_experts: null,
    partial_rotary_factor: 1,
    cache_implementation: "hybrid",
    transformers_version: "5.0.0",
  };
  for (const model_type of families) {
    const plain = { model_type, num_hidden_layers: 2 };
    assert.deepEqual(parseModelConfig({ ...plain, ...harmless }), parseModelConfig(plain));
  }
});

Deno.test("modelJsonText() writes floats that are whole with a point, as transformers 5 wants them", () => {
  const config = parseModelConfig({ model_type: "gemma2", num_hidden_layers: 2, rope_theta: 500_000 });
  const text = modelJsonText(toModelJson(config));
  assert.match(text, /"final_logit_softcapping": 30\.0,\n/);
  assert.match(text, /"attn_logit_softcapping": 50\.0,\n/);
  assert.match(text, /"rope_theta": 500000\.0,\n/);
  assert.match(text, /"num_hidden_layers": 2,\n/);
  assert.deepEqual(parseModelConfig(JSON.parse(text)), config);
});

Deno.test("parameterNames() counts the parameters of Gemma 3 270M", () => {
  const total = parameterNames(parseModelConfig(flat)).reduce(
    (sum, { shape }) => sum + shape.reduce((a, b) => a * b),
    0,
  );
  assert.equal(total, 268_098_176); // the figure on the model's page
});

Deno.test("findParameters() names what is missing and what has no place", () => {
  const config = parseModelConfig({ model_type: "llama", num_hidden_layers: 1 });
  const names = parameterNames(config).map(({ name }) => name);
  const find = (names: string[]) => findParameters(config, { names, where: "x" });
  assert.equal(
    find(names.map((name) => name.replace(/^model\./, ""))).get("model.norm.weight"),
    "norm.weight",
  );
  assert.throws(
    () => find(names.filter((name) => !name.includes("o_proj"))),
    /"model.layers.0.self_attn.o_proj.weight" of shape \[4096,4096\] is missing/,
  );
  assert.throws(() => find([...names, "model.layers.0.self_attn.q_proj.bias"]), /q_proj.bias" has no place/);
  assert.throws(() => find([]), /embed_tokens/);
  assert.ok(find([...names, "model.layers.0.self_attn.rotary_emb.inv_freq"]));
});
