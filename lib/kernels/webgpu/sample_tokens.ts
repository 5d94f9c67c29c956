/**
 * Sampling on the device: temperature, top-k, top-p, min-p and the draw in two launches, so that a decoding loop reads nothing back. The
 * first cuts each row into chunks for as many workgroups, the second joins them. What a filter keeps is found by the chunks' histograms
 * in one more pass over the row, where it is at most a thousand tokens, as it is for trained models; else digit by digit.
 */
import * as tf from "@tensorflow/tfjs-core";
import type { Binding } from "./binding.ts";
import { launch, output } from "./program.ts";
import type { OpenNumber } from "./recording.ts";
import { candidateDeclarations, samplingCandidates } from "./sampling_candidates.ts";
import { samplingChunks } from "./sampling_chunks.ts";
import { samplingDigits } from "./sampling_digits.ts";
import { chunkNumbers, samplingFunctions, samplingLanes } from "./sampling_functions.ts";

/** How tokens are drawn. */
export interface SampleTokensNumbers {
  /** 0 takes the most likely token. @default 1 */
  temperature?: number;
  /** Keep the k most likely; 0: all. @default 0 */
  topK?: number;
  /** Keep the smallest set with this much probability; 1: all. @default 1 */
  topP?: number;
  /** Keep tokens at least this fraction as likely as the most likely; 0: all. @default 0 */
  minP?: number;
  /** Logits become c·tanh(logit/c) first (Gemma 2); 0: none. @default 0 */
  softcap?: number;
  /** A seed a row, int32 [rows]: it names the row's random sequence. */
  seeds: Binding;
  /** Position of the token in its completion, the same for all rows. */
  counter: number | OpenNumber;
}

/**
 * logits [rows, vocabulary] → ids int32 [rows] and their log-probability in the whole distribution at the temperature
 * (1 when greedy). Draws arg max of z + Gumbel noise of `counterGumbel(seed, counter, id)` over the tokens that
 * `samplingFloor` keeps, as the CPU does. The caller disposes of both. Two launches.
 */
export function sampleTokens(
  logits: tf.Tensor2D,
  numbers: SampleTokensNumbers,
): { ids: tf.Tensor1D; logprob: tf.Tensor1D } {
  const [rows] = logits.shape,
    ids = output<tf.Tensor1D>([rows], "int32"),
    logprob = output<tf.Tensor1D>([rows]);
  sampleInto({ ids, logprob }, logits, numbers);
  return { ids, logprob };
}

/** The same, written to tensors, or parts of them, that are there. */
export function sampleInto(
  { ids, logprob }: { ids: Binding; logprob: Binding },
  logits: tf.Tensor2D,
  { temperature = 1, topK = 0, topP = 1, minP = 0, softcap = 0, seeds, counter }: SampleTokensNumbers,
): void {
  const [rows, vocabulary] = logits.shape, greedy = temperature === 0, beta = greedy ? 1 : 1 / temperature;
  const byCount = !greedy && topK > 0 && topK < vocabulary,
    byMass = !greedy && topP < 1,
    byRatio = !greedy && minP > 0;
  const sorts = byCount || byMass, draws = !greedy && !sorts && !byRatio;
  const { chunks, numbers, levels } = samplingChunks(logits, seeds, {
    counted: byCount ? "tokens" : byMass ? "mass" : "nothing",
    draws,
    beta,
    softcap,
    counter,
  });
  launch({
    key: `sample_tokens/${[greedy, byCount, byMass, byRatio, softcap > 0]}`,
    workgroupSize: samplingLanes,
    groups: rows,
    reads: { logits, numbers, ...(sorts ? { levels } : {}), ...(sorts || byRatio ? { seeds } : {}) },
    writes: { drawn: ids, logprob },
    ints: { vocabulary, chunks, topK, counter },
    floats: { beta, topP, softcap, logMinP: Math.log(Math.max(minP, 1e-38)) },
    declarations: `${samplingFunctions(softcap)}\n${sorts ? candidateDeclarations : ""}`,
    body: () => `
  let base = group * u.vocabulary;
  var top = -3e38;
  var place = u.vocabulary;
  for (var chunk = lane; chunk < u.chunks; chunk += ${samplingLanes}) {
    let at = (group * u.chunks + chunk) * ${chunkNumbers};
    let z = bitcast<f32>(numbers[at]);
    if (z > top) { top = z; place = numbers[at + 1]; }
  }
  place = largest(top, place, lane);
  top = highest;
  var own = 0.0;
  for (var chunk = lane; chunk < u.chunks; chunk += ${samplingLanes}) {
    let at = (group * u.chunks + chunk) * ${chunkNumbers};
    own += exp(bitcast<f32>(numbers[at]) - top) * bitcast<f32>(numbers[at + 2]);
  }
  let mass = total(own, lane);
  ${
      draws
        ? `
  var best = -3e38;
  place = u.vocabulary;
  for (var chunk = lane; chunk < u.chunks; chunk += ${samplingLanes}) {
    let at = (group * u.chunks + chunk) * ${chunkNumbers};
    let score = bitcast<f32>(numbers[at + 3]);
    if (score > best) { best = score; place = numbers[at + 4]; }
  }
  place = largest(best, place, lane);`
        : ""
    }
  ${
      sorts || byRatio
        ? `
  var floor_value = -3e38;
  let seed = u32(seeds[group]);
  var best = -3e38;
  place = u.vocabulary;
  ${sorts ? samplingCandidates({ byCount, byMass }) : "let candidates = 0;"}
  ${
          sorts
            ? `if (candidates == 0) {
  ${samplingDigits({ byCount, byMass })}
  }`
            : ""
        }
  ${byRatio ? "floor_value = max(floor_value, top + u.logMinP);" : ""}
  ${
          sorts
            ? `for (var i = lane; i < candidates; i += ${samplingLanes}) {
    let z = value_of(keys[i]);
    if (z >= floor_value) {
      let score = z + gumbel(seed, u32(ids[i]));
      if (score > best || (score == best && ids[i] < place)) { best = score; place = ids[i]; }
    }
  }`
            : ""
        }
  for (var i = select(lane, u.vocabulary, candidates > 0); i < u.vocabulary; i += ${samplingLanes}) {
    let z = scaled(base + i);
    if (z >= floor_value) {
      let score = z + gumbel(seed, u32(i));
      if (score > best) { best = score; place = i; }
    }
  }
  place = largest(best, place, lane);`
        : ""
    }
  // logits that are not numbers leave no place; their log-probability is none either, which the reader refuses
  place = min(place, u.vocabulary - 1);
  if (lane == 0) {
    drawn[group] = place;
    logprob[group] = scaled(base + place) - top - log(mass);
  }`,
  });
  tf.dispose([numbers, levels]);
}
