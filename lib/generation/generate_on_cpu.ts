import * as tf from "@tensorflow/tfjs";
import {
  type DecodePlan,
  decodeWorkBytes,
  type LinearPlan,
  packedFloats,
} from "../kernels/cpu/decode_plan.ts";
import { decodeRunner } from "../kernels/cpu/decode_runner.ts";
import type { CpuEngine } from "../kernels/cpu/engine.ts";
import type { Linear } from "../ops/projection.ts";
import type { Decoder } from "../models/decoder.ts";
import {
  rowSeed,
  type SampledTokens,
  type SamplingOptions,
  type SamplingSettings,
} from "./sampling_options.ts";

/** How long the event loop may wait, in ms, and how long where somebody may be reading along. */
const breathMilliseconds = 100, readingMilliseconds = 30;
/** Weights of at most this size are copied into the order that products read them in, which is 1.4 times as fast. */
const packedBytes = 256 << 20;
/** Rows of a prefill pass, and logits that exist at once, in floats. */
const prefillRows = 512, logitFloats = 8 << 20;

/**
 * Samples on the CPU, where everything stays on the heap: one prefill a prompt, a KV cache written in place, finished rows dropped.
 * Prompts are those from `firstPrompt` on of a larger list.
 */
export async function generateOnCpu(
  engine: CpuEngine,
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  firstPrompt: number,
  settings: SamplingSettings,
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
    const linear = ({ weight, bias, lora }: Linear): LinearPlan => ({
      weight: at(weight),
      bias: at(bias),
      out: weight.shape[0],
      in: weight.shape[1],
      loraA: at(lora?.a),
      loraB: at(lora?.b),
      rank: lora?.a.shape[0] ?? 0,
      loraScale: lora?.scale ?? 0,
    });
    const layers = Array.from({ length: config.layers }, (_, index) => {
      const layer = decoder.layer(index, capacity);
      return {
        inputNorm: at(layer.inputNorm),
        query: linear(layer.query),
        key: linear(layer.key),
        value: linear(layer.value),
        queryNorm: at(layer.queryNorm),
        keyNorm: at(layer.keyNorm),
        output: linear(layer.output),
        postAttentionNorm: at(layer.postAttentionNorm),
        mlpNorm: at(layer.mlpNorm),
        gate: linear(layer.gate),
        up: linear(layer.up),
        down: linear(layer.down),
        postMlpNorm: at(layer.postMlpNorm),
        cos: at(layer.cos),
        sin: at(layer.sin),
        window: layer.window,
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
