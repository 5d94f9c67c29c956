import * as tf from "@tensorflow/tfjs";
import { heapLimit } from "../../backend/shared_wasm.ts";
import type { DecoderDescription } from "../decoder_description.ts";
import type { DecodedTokens, DecodeNumbers } from "../kernels.ts";
import {
  type DecodePlan,
  decodeWorkBytes,
  type HeapDecoder,
  type HeapTensor,
  matricesOf,
  packedFloats,
} from "./decode_plan.ts";
import { decodeRunner } from "./decode_runner.ts";
import type { CpuEngine } from "./engine.ts";

/** How long the event loop may wait, in ms, and how long where somebody may be reading along. */
const breathMilliseconds = 100, readingMilliseconds = 30;
/**
 * Weights are brought into the order that products read them in where that takes at most this share of the heap that is left: 1.5 times as
 * fast, and matrices in few bits are brought to float32 once and not for every token.
 */
const packedShare = 1 / 5;
/** Rows of a prefill pass, and logits that exist at once, in floats. */
const prefillRows = 512, logitFloats = 8 << 20;

/** The description with an address in place of every tensor. */
function onHeap(model: DecoderDescription, engine: CpuEngine): HeapDecoder {
  const place = (tensor: tf.Tensor): HeapTensor => {
    if (tensor.rank !== 2) return { address: engine.at(tensor), shape: tensor.shape };
    const stored = engine.stored(tensor);
    return { address: stored.address, shape: [stored.rows, stored.columns], stored };
  };
  const placed = (value: unknown): unknown =>
    value instanceof tf.Tensor
      ? place(value)
      : Array.isArray(value)
      ? value.map(placed)
      : typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, placed(part)]))
      : value;
  return placed(model) as HeapDecoder;
}

/**
 * Draws `n` completions of each prompt on the CPU, where everything stays on the heap: one prefill a prompt, a KV cache written in
 * place, finished rows dropped.
 */
export async function decode(
  engine: CpuEngine,
  model: DecoderDescription,
  prompts: readonly (readonly number[])[],
  numbers: DecodeNumbers,
): Promise<DecodedTokens[]> {
  const { n, maxTokens, seeds, lookEvery, stop, onProgress, signal } = numbers, rows = prompts.length * n;
  const owned: tf.Tensor[] = [];
  const floats = (count: number) => {
    const tensor = engine.output([count]);
    owned.push(tensor);
    return engine.at(tensor);
  };
  const ints = (values: ArrayLike<number>) => {
    const tensor = tf.tensor1d(Int32Array.from(values), "int32");
    owned.push(tensor);
    return engine.at(tensor);
  };
  try {
    const plan = planned(engine, onHeap(model, engine), prompts, { numbers, floats, ints });
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
    for (let made = 0; made < maxTokens; made += lookEvery) {
      run.decode(rows, Math.min(lookEvery, maxTokens - made));
      for (let row = 0; stop && row < rows; row++) {
        if (seen[row]) continue;
        const tokens = tokensOf(row), logprobs = logprobsOf(row, tokens.length), { ints } = heap();
        if (stop(tokens, logprobs, row)) ints[plan.done / 4 + row] = 1;
        seen[row] = ints[plan.done / 4 + row];
      }
      if (performance.now() - breath > (stop ? readingMilliseconds : breathMilliseconds)) {
        // A timer, because setImmediate lets up to ten turns pass before a signal is seen: ■ would come seconds late.
        await new Promise((done) => setTimeout(done));
        breath = performance.now();
      } else if (stop) {
        // a loop over the stream gets its turn, and may leave
        await Promise.resolve();
      }
      const { ints } = heap(), state = ints.subarray(plan.done / 4, plan.done / 4 + rows);
      onProgress?.(ints.subarray(plan.produced / 4, plan.produced / 4 + rows).reduce((a, b) => a + b, 0));
      if (signal?.aborted || state.every((done) => done)) break;
    }
    return Array.from(seeds, (_, row) => {
      const tokens = tokensOf(row);
      return { tokens, logprobs: logprobsOf(row, tokens.length) };
    });
  } finally {
    tf.dispose(owned);
  }
}

/** Lays the batch out on the heap. */
function planned(
  engine: CpuEngine,
  model: HeapDecoder,
  prompts: readonly (readonly number[])[],
  { numbers, floats, ints }: {
    numbers: DecodeNumbers;
    floats: (count: number) => number;
    ints: (values: ArrayLike<number>) => number;
  },
): DecodePlan {
  const { n, maxTokens, temperature, topK, topP, minP, eosIds, seeds } = numbers, rows = prompts.length * n;
  const { layers, head, finalNorm, kvHeads, headDim } = model, [vocabulary] = head.shape;
  const capacity = Math.max(...prompts.map((prompt) => prompt.length)) + maxTokens;
  const promptTokens = prompts.reduce((sum, { length }) => sum + length - 1, 0);
  const passRows = Math.max(rows, Math.min(prefillRows, promptTokens));
  const plain = matricesOf(model).every(({ stored }) => stored!.kind === 0);
  const left = heapLimit - tf.memory().numBytes;
  const each = (value: (prompt: readonly number[], sample: number) => number) =>
    ints(Array.from({ length: rows }, (_, row) => value(prompts[Math.floor(row / n)], row % n)));
  const shape = {
    model,
    hidden: finalNorm.shape[0],
    intermediate: layers[0].gate.weight.shape[0],
    vocabulary,
    cache: floats(rows * layers.length * 2 * capacity * kvHeads * headDim),
    capacity,
    chunks: engine.threads,
    unit: plain ? 16 : 32,
    passRows,
    logitRows: Math.max(1, Math.min(rows, Math.floor(logitFloats / vocabulary))),
    packed: engine.pool.thread.packed !== null && 4 * packedFloats(model) <= packedShare * left,
    ids: ints(new Int32Array(passRows)),
    positions: ints(new Int32Array(passRows)),
    completions: ints(new Int32Array(passRows)),
    n,
    shared: each((prompt, sample) => sample ? prompt.length - 1 : 0),
    lengths: each((prompt) => prompt.length - 1),
    last: each((prompt) => prompt.at(-1)!),
    produced: ints(new Int32Array(rows)),
    done: ints(new Int32Array(rows)),
    seeds: ints(seeds),
    tokens: ints(new Int32Array(rows * maxTokens)),
    logprobs: floats(rows * maxTokens),
    maxTokens,
    eos: [...eosIds],
    // in float32 as the kernels have it, or the least likely of the kept tokens falls below its own floor
    beta: temperature ? Math.fround(1 / temperature) : 0,
    topK,
    topP,
    minP,
  };
  return { ...shape, work: floats(decodeWorkBytes(shape) / 4) };
}
