import { counterGumbel } from "../random/counter_random.ts";
import { isOutOfMemory } from "../backend/out_of_memory.ts";
import type { DecoderDescription } from "../kernels/decoder_description.ts";
import { device } from "../kernels/device.ts";
import { samplingFloor } from "../kernels/sampling_floor.ts";
import type { SampledDecoder } from "./sampled_decoder.ts";
import { checkedSampling, rowSeed, type SampledTokens, type SamplingOptions } from "./sampling_options.ts";

/**
 * Samples `n` completions of each prompt, prompt by prompt, as many prompts at once as their KV cache has room: more on a GPU after what
 * fitted, and half as many where memory ends, which `onNote` is told. Seeds follow prompt and sample, so that the tokens are the same.
 * Backends that have no kernels of ours go by {@linkcode generateReference}.
 */
export async function generate(
  decoder: SampledDecoder,
  prompts: readonly (readonly number[])[],
  options: SamplingOptions = {},
): Promise<SampledTokens[]> {
  const { kernels } = device(), settings = checkedSampling(decoder.config, prompts, options);
  if (!kernels) return await generateReference(decoder, prompts, options);
  const { n, maxTokens, eosIds } = settings, { onTokens, onProgress, onNote, signal } = options;
  const prompt = Math.max(...prompts.map((prompt) => prompt.length)), longest = prompt + maxTokens;
  const model = decoder.describe(longest), results: SampledTokens[] = [];
  const rows = prompts.length * n, rowsIn = (bytes: number) => rowsOf(model, { bytes, prompt, longest, n });
  let cache = device().cacheAtOnce, rowsAtOnce = rowsIn(cache), halved = false;
  for (let first = 0; first < rows;) {
    // whole prompts, or some completions of one
    const place = Math.floor(first / n), some = Math.min(n, rowsAtOnce, n - first % n);
    const taken = some < n ? 1 : Math.min(Math.floor(rowsAtOnce / n), prompts.length - place);
    const from = first, done = results.reduce((sum, { tokens }) => sum + tokens.length, 0);
    try {
      const drawn = await kernels.decode(model, prompts.slice(place, place + taken), {
        ...settings,
        n: some,
        seeds: Int32Array.from({ length: taken * some }, (_, row) => rowSeed(settings, from + row) | 0),
        stop: onTokens &&
          ((tokens, logprobs, row) => onTokens(tokens.slice(), logprobs.slice(), from + row) === true),
        onProgress: onProgress && ((tokens) => onProgress(done + tokens)),
        signal,
      });
      results.push(...drawn.map((completion, row) => ({
        prompt: Math.floor((from + row) / n),
        ...completion,
        ended: eosIds.includes(completion.tokens.at(-1)!),
      })));
      first += drawn.length;
      if (!halved) rowsAtOnce = rowsIn(cache = Math.min(2 * cache, device().mostCacheAtOnce));
    } catch (error) {
      // (room is made before the first token, so none was told yet)
      if (!isOutOfMemory(error) || taken * some === 1) throw error;
      rowsAtOnce = Math.floor(taken * some / 2);
      if (!halved) {
        onNote?.(
          `Sampling ${
            taken * some
          } completions at once did not fit into memory: half as many are drawn at a time; their tokens are the same`,
        );
      }
      halved = true;
    }
    if (signal?.aborted) break;
  }
  return sound(results);
}

/** Completions that go at once with `bytes` of keys and values: of whole prompts, unless those of one pass what the device binds. */
function rowsOf(
  { layers, kvHeads, headDim }: DecoderDescription,
  { bytes, prompt, longest, n }: Record<"bytes" | "prompt" | "longest" | "n", number>,
): number {
  const { largestBinding } = device(), cache = 4 * longest * kvHeads * headDim;
  const widest = Math.max(...layers.map(({ gate, up }) => gate.weight.shape[0] + up.weight.shape[0]));
  const most = Math.max(1, Math.floor(largestBinding / cache));
  const whole = Math.floor(Math.min(bytes / (2 * layers.length * cache), most) / n);
  return Math.min(Math.max(1, Math.min(whole, Math.floor(largestBinding / (4 * widest * prompt)))) * n, most);
}

function sound(results: SampledTokens[]): SampledTokens[] {
  if (results.some(({ logprobs }) => logprobs.some(Number.isNaN))) {
    throw new RangeError(
      "sampling needs logits that are numbers, got NaN: the weights are damaged or training diverged; go back to a checkpoint and lower the learning rate",
    );
  }
  return results;
}

/**
 * The same by running the whole sequence again for every token, on any backend: the oracle of {@linkcode generate}.
 * The two agree in every token, rounding apart.
 */
export async function generateReference(
  decoder: SampledDecoder,
  prompts: readonly (readonly number[])[],
  options: SamplingOptions = {},
): Promise<SampledTokens[]> {
  const settings = checkedSampling(decoder.config, prompts, options),
    { maxTokens, temperature, n, eosIds, ...filter } = settings,
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
      const floor = samplingFloor(own, beta, filter), key = rowSeed(settings, row);
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
