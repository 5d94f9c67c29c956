/**
 * Sampling on the device: temperature, top-k, top-p, min-p and the draw in one launch, so that a decoding loop reads
 * nothing back. No sort: the k-th largest logit and the nucleus's smallest are found four bits of a float at a time, each pass over
 * the row (which stays in cache) counting above fifteen thresholds at once: eight passes a filter, and only where it is on.
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { Binding } from "./binding.ts";
import { hasSubgroups } from "./command_stream.ts";
import { launch, output } from "./program.ts";
import { tanhOf } from "./tanh.ts";
import { unrolled } from "./unrolled.ts";
import { workgroupTotal } from "./workgroup_total.ts";

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
  counter: number;
}

const groupSize = 256;

/**
 * WGSL that leaves in `name` the largest key above which, itself included, the row's numbers from `least` on weigh `wanted` or more.
 * Sums are in a fixed order, so that the key is the same on every run.
 */
const largestKey = (
  name: string,
  { least, weight, wanted }: { least: string; weight: (z: string) => string; wanted: string },
) => `
  var ${name} = 0u;
  for (var shift = 28; shift >= 0; shift -= 4) {
    ${unrolled(15, (i) => `var above${i + 1} = 0.0;`)}
    for (var i = lane; i < u.vocabulary; i += ${groupSize}) {
      let z = scaled(base + i);
      let key = key_of(z);
      if (key >= max(${name}, ${least})) {
        let w = ${weight("z")};
        let digit = min(15u, (key - ${name}) >> u32(shift));
        ${unrolled(15, (i) => `above${i + 1} += select(0.0, w, digit >= ${i + 1}u);`)}
      }
    }
    var digit = 0u;
    ${unrolled(15, (i) => `if (total(above${i + 1}, lane) >= ${wanted}) { digit = ${i + 1}u; }`)}
    ${name} |= digit << u32(shift);
  }`;

/**
 * logits [rows, vocabulary] → ids int32 [rows] and their log-probability in the whole distribution at the temperature
 * (1 when greedy). Draws arg max of z + Gumbel noise of `counterGumbel(seed, counter, id)` over the tokens that
 * `samplingFloor` keeps, as the CPU does. The caller disposes of both. One launch.
 */
export function sampleTokens(
  logits: tf.Tensor2D,
  { temperature = 1, topK = 0, topP = 1, minP = 0, softcap = 0, seeds, counter }: SampleTokensNumbers,
): { ids: tf.Tensor1D; logprob: tf.Tensor1D } {
  const [rows, vocabulary] = logits.shape, greedy = temperature === 0;
  const byCount = !greedy && topK > 0 && topK < vocabulary,
    byMass = !greedy && topP < 1,
    byRatio = !greedy && minP > 0;
  const ids = output<tf.Tensor1D>([rows], "int32"), logprob = output<tf.Tensor1D>([rows]);
  launch({
    key: `sample_tokens/${[greedy, byCount, byMass, byRatio, softcap > 0]}`,
    workgroupSize: groupSize,
    groups: rows,
    reads: { logits, seeds },
    writes: { ids, logprob },
    ints: { vocabulary, topK, counter },
    floats: { beta: greedy ? 1 : 1 / temperature, topP, softcap, logMinP: Math.log(Math.max(minP, 1e-38)) },
    declarations: `
var<workgroup> values: array<f32, ${groupSize}>;
var<workgroup> places: array<i32, ${groupSize}>;
${workgroupTotal(groupSize)}
${softcap > 0 ? tanhOf : ""}
var<private> highest: f32;
/** The largest value's place, the first of equals; its value is left in highest. */
fn largest(value: f32, place: i32, lane: i32) -> i32 {
  ${
      hasSubgroups()
        ? `
  let top = subgroupMax(value);
  let first = subgroupMin(select(2147483647, place, value == top));
  workgroupBarrier();
  if (subgroup_lane == 0u) {
    values[subgroup] = top;
    places[subgroup] = first;
  }
  workgroupBarrier();
  highest = values[0];
  var best = places[0];
  for (var i = 1u; i < subgroups; i++) {
    if (values[i] > highest || (values[i] == highest && places[i] < best)) {
      highest = values[i];
      best = places[i];
    }
  }
  return best;`
        : `
  workgroupBarrier();
  values[lane] = value;
  places[lane] = place;
  workgroupBarrier();
  for (var step = ${groupSize / 2}; step > 0; step /= 2) {
    if (lane < step) {
      let other = values[lane + step];
      if (other > values[lane] || (other == values[lane] && places[lane + step] < places[lane])) {
        values[lane] = other;
        places[lane] = places[lane + step];
      }
    }
    workgroupBarrier();
  }
  highest = values[0];
  return places[0];`
    }
}
fn scaled(at: i32) -> f32 {
  return ${softcap > 0 ? "u.softcap * tanh_of(logits[at] / u.softcap)" : "logits[at]"} * u.beta;
}
fn pcg(x: u32) -> u32 {
  let state = x * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}
fn gumbel(seed: u32, place: u32) -> f32 {
  let bits = pcg(place ^ pcg(u32(u.counter) ^ pcg(seed))) >> 8u;
  // near 1 the inner logarithm loses all its digits in f32: log(1 - x) there by its series
  let x = (f32(16777215u - bits) + 0.5) / 16777216.0;
  let inner = select(log((f32(bits) + 0.5) / 16777216.0), -x * (1.0 + x * (0.5 + x / 3.0)), x < 0.01);
  return -log(-inner);
}
/** Floats in their order as unsigned integers, and back. */
fn key_of(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}
fn value_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, (key >> 31u) == 1u));
}`,
    body: `
  let base = group * u.vocabulary;
  var top = -3e38;
  var place = u.vocabulary;
  for (var i = lane; i < u.vocabulary; i += ${groupSize}) {
    let z = scaled(base + i);
    if (z > top) { top = z; place = i; }
  }
  place = largest(top, place, lane);
  top = highest;
  var own = 0.0;
  for (var i = lane; i < u.vocabulary; i += ${groupSize}) { own += exp(scaled(base + i) - top); }
  let mass = total(own, lane);
  ${greedy ? "" : "var floor_value = -3e38;"}
  ${
      byCount
        ? `
${largestKey("count_key", { least: "0u", weight: () => "1.0", wanted: "f32(u.topK)" })}
  floor_value = value_of(count_key);`
        : ""
    }
  ${
      byMass
        ? `
  var kept = 0.0;
  for (var i = lane; i < u.vocabulary; i += ${groupSize}) {
    let z = scaled(base + i);
    if (z >= floor_value) { kept += exp(z - top); }
  }
  let wanted = u.topP * total(kept, lane);
  let least = key_of(floor_value);
${largestKey("mass_key", { least: "least", weight: (z) => `exp(${z} - top)`, wanted: "wanted" })}
  floor_value = value_of(max(mass_key, least));`
        : ""
    }
  ${byRatio ? "floor_value = max(floor_value, top + u.logMinP);" : ""}
  ${
      greedy ? "" : `
  var best = -3e38;
  place = u.vocabulary;
  let seed = u32(seeds[group]);
  for (var i = lane; i < u.vocabulary; i += ${groupSize}) {
    let z = scaled(base + i);
    if (z >= floor_value) {
      let score = z + gumbel(seed, u32(i));
      if (score > best) { best = score; place = i; }
    }
  }
  place = largest(best, place, lane);`
    }
  // logits that are not numbers leave no place; their log-probability is none either, which the reader refuses
  place = min(place, u.vocabulary - 1);
  if (lane == 0) {
    ids[group] = place;
    logprob[group] = scaled(base + place) - top - log(mass);
  }`,
  });
  return { ids, logprob };
}
