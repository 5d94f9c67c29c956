import * as tf from "@tensorflow/tfjs";
import { type DecodePlan, decodeWorkBytes, type LinearPlan, packedFloats } from "../kernels/cpu/decode.ts";
import { decodeRunner } from "../kernels/cpu/decode_runner.ts";
import { type CpuEngine, cpuEngine } from "../kernels/cpu/engine.ts";
import { counterGumbel, pcg } from "../kernels/counter_random.ts";
import { decode } from "../kernels/webgpu/decode.ts";
import { checkDevice } from "../backend/webgpu_device.ts";
import { samplingFloor } from "../kernels/sampling_floor.ts";
import type { Decoder } from "./decoder.ts";

/** How completions are drawn. */
export interface SamplingOptions {
  /** At most this many tokens a completion. @default 128 */
  maxTokens?: number;
  /** 0 takes the most likely token. @default 1 */
  temperature?: number;
  /** @default 0 (all) */
  topK?: number;
  /** @default 1 (all) */
  topP?: number;
  /** @default 0 (all) */
  minP?: number;
  /** Completions a prompt. @default 1 */
  n?: number;
  /** Names the random sequence: the same seed gives the same tokens. @default 0 */
  seed?: number;
  /** Token ids that end a completion. @default the model's own */
  eosIds?: readonly number[];
  /** Called every few tokens with the number sampled so far. */
  onProgress?: (tokens: number) => void;
  /** Sampling ends early when this aborts: completions are returned as they are. */
  signal?: AbortSignal;
  /** Tokens between looks: at `signal`, for `onTokens` and for `onProgress`. @default 16 */
  lookEvery?: number;
  /**
   * Called at each look for every completion that has grown, with all its tokens, their log-probabilities and its place (prompt
   * by prompt). `true` ends it though no end token came: a stop string.
   */
  onTokens?: (tokens: number[], logprobs: number[], row: number) => boolean | void;
}

/** One sampled completion. */
export interface SampledTokens {
  /** Index of its prompt. */
  prompt: number;
  /** The end token is the last one, when there is one. */
  tokens: number[];
  /** log p of each token in the whole distribution at the sampling temperature (1 when greedy), in nats. */
  logprobs: number[];
  /** Whether it ended by itself, not at the limit. */
  ended: boolean;
}

/** How long the event loop may wait, in ms, and how long where somebody may be reading along. */
const breathMilliseconds = 100, readingMilliseconds = 30;
const cacheBytes = 512 << 20;
/** Weights of at most this size are copied into the order that products read them in, which is 1.4 times as fast. */
const packedBytes = 256 << 20;
/** Rows of a prefill pass, and logits that exist at once, in floats. */
const prefillRows = 512, logitFloats = 8 << 20;

function checked(
  config: Decoder["config"],
  prompts: readonly (readonly number[])[],
  options: SamplingOptions,
) {
  const {
    maxTokens = 128,
    temperature = 1,
    topK = 0,
    topP = 1,
    minP = 0,
    n = 1,
    seed = 0,
    eosIds = config.eosIds,
    lookEvery = 16,
  } = options;
  const fault = (rule: string, value: unknown) => new RangeError(`sampling needs ${rule}, got ${value}`);
  if (!(Number.isInteger(maxTokens) && maxTokens > 0)) throw fault("maxTokens a positive integer", maxTokens);
  if (!(temperature >= 0 && temperature < Infinity)) throw fault("a temperature of 0 or more", temperature);
  if (!(Number.isInteger(topK) && topK >= 0)) throw fault("topK an integer of 0 (all) or more", topK);
  if (!(topP > 0 && topP <= 1)) throw fault("topP above 0 and at most 1", topP);
  if (!(minP >= 0 && minP <= 1)) throw fault("minP between 0 and 1", minP);
  if (!(Number.isInteger(n) && n > 0)) throw fault("n a positive integer", n);
  if (!(Number.isInteger(lookEvery) && lookEvery > 0)) throw fault("lookEvery a positive integer", lookEvery);
  for (const prompt of prompts) {
    if (prompt.length === 0) throw fault("prompts of at least one token", "an empty one");
    if (prompt.length + maxTokens > config.maxPositions) {
      throw fault(
        `prompt and completion within the model's ${config.maxPositions} positions`,
        `${prompt.length} + ${maxTokens}; lower maxTokens or shorten the prompt`,
      );
    }
    const bad = prompt.find((id) => !(Number.isInteger(id) && id >= 0 && id < config.vocabSize));
    if (bad !== undefined) throw fault(`token ids below the vocabulary's size ${config.vocabSize}`, bad);
  }
  return { maxTokens, temperature, topK, topP, minP, n, seed, eosIds, lookEvery };
}

/** The seed of one completion of a batch. */
const rowSeed = (seed: number, row: number) => pcg((pcg(seed >>> 0) ^ row) >>> 0);

/**
 * Samples `n` completions of each prompt, prompt by prompt. On the CPU everything stays on the heap: one prefill a prompt, a
 * KV cache written in place, finished rows dropped; elsewhere {@linkcode generateReference}.
 */
export async function generate(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  options: SamplingOptions = {},
): Promise<SampledTokens[]> {
  const engine = cpuEngine(), settings = checked(decoder.config, prompts, options);
  if (!engine && tf.getBackend() !== "webgpu") return await generateReference(decoder, prompts, options);
  const { config } = decoder, { n, maxTokens } = settings, results: SampledTokens[] = [];
  const longest = Math.max(...prompts.map((prompt) => prompt.length)) + maxTokens;
  const rowBytes = config.layers * 2 * longest * config.kvHeads * config.headDim * 4;
  const promptsAtOnce = Math.max(1, Math.floor(cacheBytes / rowBytes / n));
  for (let from = 0; from < prompts.length; from += promptsAtOnce) {
    const done = results.reduce((sum, { tokens }) => sum + tokens.length, 0);
    const onProgress = options.onProgress && ((tokens: number) => options.onProgress!(done + tokens));
    const some = prompts.slice(from, from + promptsAtOnce), own = { ...options, onProgress };
    results.push(
      ...engine
        ? await decodeBatch(engine, decoder, some, from, settings, own)
        : await decodeOnGpu(decoder, some, from, settings, own),
    );
    if (options.signal?.aborted) break;
  }
  return sound(results);
}

function sound(results: SampledTokens[]): SampledTokens[] {
  if (results.some(({ logprobs }) => logprobs.some(Number.isNaN))) {
    throw new RangeError(
      "sampling needs logits that are numbers, got NaN: the weights are damaged or training diverged; go back to a checkpoint and lower the learning rate",
    );
  }
  return results;
}

async function decodeBatch(
  engine: CpuEngine,
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  firstPrompt: number,
  settings: ReturnType<typeof checked>,
  options: SamplingOptions,
): Promise<SampledTokens[]> {
  const { config } = decoder, { n, maxTokens, seed, eosIds } = settings, rows = prompts.length * n;
  const capacity = Math.max(...prompts.map((prompt) => prompt.length)) + maxTokens, owned: tf.Tensor[] = [];
  const floats = (count: number) => {
    const tensor = engine.output([count]);
    owned.push(tensor);
    return engine.at(tensor);
  };
  const ints = (values: number[] | Int32Array) => {
    const tensor = tf.tensor1d(values, "int32");
    owned.push(tensor);
    return engine.at(tensor);
  };
  try {
    const at = (tensor?: tf.Tensor) => tensor ? engine.at(tensor) : 0;
    const linear = (module: string): LinearPlan => {
      const { weight, bias, lora } = decoder.linear(module);
      return {
        weight: at(weight),
        bias: at(bias),
        out: weight.shape[0],
        in: weight.shape[1],
        loraA: at(lora?.a),
        loraB: at(lora?.b),
        rank: lora?.a.shape[0] ?? 0,
        loraScale: lora?.scale ?? 0,
      };
    };
    const layers = Array.from({ length: config.layers }, (_, index) => {
      const name = `model.layers.${index}`,
        norm = (part: string) => at(decoder.maybe(`${name}.${part}.weight`)),
        post = config.postNorms;
      const { cos, sin } = decoder.rotary.get(config.layerRope[index], capacity);
      return {
        inputNorm: norm("input_layernorm"),
        query: linear(`${name}.self_attn.q_proj`),
        key: linear(`${name}.self_attn.k_proj`),
        value: linear(`${name}.self_attn.v_proj`),
        queryNorm: config.qkNorm ? norm("self_attn.q_norm") : 0,
        keyNorm: config.qkNorm ? norm("self_attn.k_norm") : 0,
        output: linear(`${name}.self_attn.o_proj`),
        postAttentionNorm: post ? norm("post_attention_layernorm") : 0,
        mlpNorm: post ? norm("pre_feedforward_layernorm") : norm("post_attention_layernorm"),
        gate: linear(`${name}.mlp.gate_proj`),
        up: linear(`${name}.mlp.up_proj`),
        down: linear(`${name}.mlp.down_proj`),
        postMlpNorm: post ? norm("post_feedforward_layernorm") : 0,
        cos: at(cos),
        sin: at(sin),
        window: config.layerWindows[index] ?? 0,
      };
    });
    const longestPass = Math.max(
      rows,
      Math.min(prefillRows, prompts.reduce((sum, { length }) => sum + length - 1, 0)),
    );
    const shape: Omit<DecodePlan, "work" | "packed"> = {
      layers,
      embedding: at(decoder.weight("model.embed_tokens.weight")),
      head: at(decoder.head),
      finalNorm: at(decoder.weight("model.norm.weight")),
      hidden: config.hiddenSize,
      heads: config.heads,
      kvHeads: config.kvHeads,
      headDim: config.headDim,
      intermediate: config.intermediateSize,
      vocabulary: config.vocabSize,
      epsilon: config.rmsEps,
      one: config.rmsAddOne ? 1 : 0,
      embeddingScale: config.embeddingScale,
      queryScale: config.queryScale,
      attentionSoftcap: config.attentionSoftcap ?? 0,
      finalSoftcap: config.finalSoftcap ?? 0,
      activation: config.activation === "silu" ? 1 : 0,
      cache: floats(rows * config.layers * 2 * capacity * config.kvHeads * config.headDim),
      capacity,
      chunks: engine.threads,
      passRows: longestPass,
      logitRows: Math.max(1, Math.min(rows, Math.floor(logitFloats / config.vocabSize))),
      ids: ints(new Int32Array(longestPass)),
      positions: ints(new Int32Array(longestPass)),
      completions: ints(new Int32Array(longestPass)),
      n,
      shared: ints(
        Array.from({ length: rows }, (_, row) => row % n ? prompts[Math.floor(row / n)].length - 1 : 0),
      ),
      lengths: ints(Array.from({ length: rows }, (_, row) => prompts[Math.floor(row / n)].length - 1)),
      last: ints(Array.from({ length: rows }, (_, row) => prompts[Math.floor(row / n)].at(-1)!)),
      produced: ints(new Int32Array(rows)),
      done: ints(new Int32Array(rows)),
      seeds: ints(Int32Array.from({ length: rows }, (_, row) => rowSeed(seed, firstPrompt * n + row) | 0)),
      tokens: ints(new Int32Array(rows * maxTokens)),
      logprobs: floats(rows * maxTokens),
      maxTokens,
      eos: [...eosIds],
      // in float32 as the kernels have it, or the least likely of the kept tokens falls below its own floor
      beta: settings.temperature ? Math.fround(1 / settings.temperature) : 0,
      topK: settings.topK,
      topP: settings.topP,
      minP: settings.minP,
    };
    const packed = engine.pool.thread.packed !== null && 4 * packedFloats(shape) <= packedBytes;
    const plan: DecodePlan = { ...shape, packed, work: floats(decodeWorkBytes({ ...shape, packed }) / 4) };
    const run = decodeRunner(engine, plan, floats);
    run.prefill(prompts);
    const heap = () => engine.pool.thread.heap();
    const tokensOf = (row: number) => {
      const from = plan.tokens / 4 + row * maxTokens, { ints } = heap();
      return Array.from(ints.subarray(from, from + ints[plan.produced / 4 + row]));
    };
    const logprobsOf = (row: number, count: number) => {
      const from = plan.logprobs / 4 + row * maxTokens;
      return Array.from(heap().floats.subarray(from, from + count));
    };
    const seen = new Uint8Array(rows);
    let breath = performance.now();
    for (let made = 0; made < maxTokens; made += settings.lookEvery) {
      run.decode(rows, Math.min(settings.lookEvery, maxTokens - made));
      for (let row = 0; options.onTokens && row < rows; row++) {
        if (seen[row]) continue;
        const tokens = tokensOf(row), logprobs = logprobsOf(row, tokens.length), { ints } = heap();
        if (options.onTokens(tokens, logprobs, firstPrompt * n + row)) ints[plan.done / 4 + row] = 1;
        seen[row] = ints[plan.done / 4 + row];
      }
      if (performance.now() - breath > (options.onTokens ? readingMilliseconds : breathMilliseconds)) {
        // A timer, because setImmediate lets up to ten turns pass before a signal is seen: ■ would come seconds late.
        await new Promise((done) => setTimeout(done));
        breath = performance.now();
      } else if (options.onTokens) {
        // a loop over the stream gets its turn, and may leave
        await Promise.resolve();
      }
      const { ints } = heap(), state = ints.subarray(plan.done / 4, plan.done / 4 + rows);
      options.onProgress?.(
        ints.subarray(plan.produced / 4, plan.produced / 4 + rows).reduce((a, b) => a + b, 0),
      );
      if (options.signal?.aborted || state.every((done) => done)) break;
    }
    return Array.from({ length: rows }, (_, row) => {
      const tokens = tokensOf(row);
      return {
        prompt: firstPrompt + Math.floor(row / n),
        tokens,
        logprobs: logprobsOf(row, tokens.length),
        ended: eosIds.includes(tokens.at(-1)!),
      };
    });
  } finally {
    tf.dispose(owned);
  }
}

/** The same on webgpu. */
async function decodeOnGpu(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  firstPrompt: number,
  settings: ReturnType<typeof checked>,
  { onTokens, signal, onProgress }: SamplingOptions,
): Promise<SampledTokens[]> {
  const { config } = decoder, { n, maxTokens, seed, eosIds } = settings, { qkNorm, postNorms } = config;
  const capacity = Math.max(...prompts.map((prompt) => prompt.length)) + maxTokens;
  const layers = Array.from({ length: config.layers }, (_, index) => {
    const name = `model.layers.${index}`, linear = (part: string) => decoder.linear(`${name}.${part}`);
    const norm = (part: string) => decoder.weight<tf.Tensor1D>(`${name}.${part}.weight`);
    return {
      inputNorm: norm("input_layernorm"),
      query: linear("self_attn.q_proj"),
      key: linear("self_attn.k_proj"),
      value: linear("self_attn.v_proj"),
      queryNorm: qkNorm ? norm("self_attn.q_norm") : undefined,
      keyNorm: qkNorm ? norm("self_attn.k_norm") : undefined,
      output: linear("self_attn.o_proj"),
      postAttentionNorm: postNorms ? norm("post_attention_layernorm") : undefined,
      mlpNorm: norm(postNorms ? "pre_feedforward_layernorm" : "post_attention_layernorm"),
      gate: linear("mlp.gate_proj"),
      up: linear("mlp.up_proj"),
      down: linear("mlp.down_proj"),
      postMlpNorm: postNorms ? norm("post_feedforward_layernorm") : undefined,
      ...decoder.rotary.get(config.layerRope[index], capacity),
      window: config.layerWindows[index] ?? 0,
    };
  });
  const model = {
    layers,
    embedding: decoder.embeddings,
    head: decoder.head,
    finalNorm: decoder.weight<tf.Tensor1D>("model.norm.weight"),
    heads: config.heads,
    kvHeads: config.kvHeads,
    headDim: config.headDim,
    epsilon: config.rmsEps,
    addOne: config.rmsAddOne,
    embeddingScale: config.embeddingScale,
    queryScale: config.queryScale,
    attentionSoftcap: config.attentionSoftcap ?? 0,
    finalSoftcap: config.finalSoftcap ?? 0,
    activation: config.activation,
  };
  const seeds = Int32Array.from(
    { length: prompts.length * n },
    (_, row) => rowSeed(seed, firstPrompt * n + row) | 0,
  );
  const drawn = await decode(model, prompts, {
    ...settings,
    seeds,
    stop: onTokens &&
      ((tokens, logprobs, row) => onTokens(tokens.slice(), logprobs.slice(), firstPrompt * n + row) === true),
    signal,
    onProgress,
    tokensBetweenLooks: settings.lookEvery,
  });
  checkDevice();
  return drawn.map((completion, row) => ({
    ...completion,
    prompt: firstPrompt + Math.floor(row / n),
    ended: eosIds.includes(completion.tokens.at(-1)!),
  }));
}

/**
 * The same by running the whole sequence again for every token, on any backend: the oracle of {@linkcode generate}.
 * The two agree in every token, rounding apart.
 */
export async function generateReference(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  options: SamplingOptions = {},
): Promise<SampledTokens[]> {
  const { maxTokens, temperature, n, seed, eosIds, ...filter } = checked(decoder.config, prompts, options),
    beta = temperature ? Math.fround(1 / temperature) : 1;
  const results: SampledTokens[] = prompts.flatMap((_, prompt) =>
    Array.from({ length: n }, () => ({ prompt, tokens: [], logprobs: [], ended: false }))
  );
  for (let step = 0; step < maxTokens; step++) {
    const active = results.map((_, row) => row).filter((row) => !results[row].ended);
    if (active.length === 0 || options.signal?.aborted) break;
    const sequences = active.map((row) => [...prompts[results[row].prompt], ...results[row].tokens]);
    const logits = decoder.logits(sequences), vocabulary = logits.shape[2];
    const data = await logits.data() as Float32Array;
    for (const [i, row] of active.entries()) {
      const start = (i * logits.shape[1] + sequences[i].length - 1) * vocabulary,
        own = data.subarray(start, start + vocabulary);
      const floor = samplingFloor(own, beta, filter), key = rowSeed(seed, row);
      let token = 0, best = -Infinity, most = -Infinity;
      for (let id = 0; id < vocabulary; id++) {
        const z = Math.fround(own[id] * beta),
          score = temperature === 0 ? z : z < floor ? -Infinity : z + counterGumbel(key, step, id);
        if (score > best) [best, token] = [score, id];
        most = Math.max(most, z);
      }
      const sum = own.reduce((total, x) => total + Math.exp(x * beta - most), 0);
      results[row].tokens.push(token);
      results[row].logprobs.push(own[token] * beta - most - Math.log(sum));
      const { tokens, logprobs } = results[row];
      const stopped = options.onTokens?.(tokens.slice(), logprobs.slice(), row) === true;
      if (eosIds.includes(token) || stopped) results[row].ended = true;
    }
    logits.dispose();
    options.onProgress?.(results.reduce((total, { tokens }) => total + tokens.length, 0));
  }
  return sound(results).map((result) => ({ ...result, ended: eosIds.includes(result.tokens.at(-1)!) }));
}
