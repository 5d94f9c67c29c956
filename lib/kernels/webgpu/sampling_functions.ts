import { hasSubgroups } from "./command_stream.ts";
import { tanhOf } from "./tanh.ts";
import { halvings } from "./unrolled.ts";
import { workgroupTotal } from "./workgroup_total.ts";

/** Invocations of a sampling workgroup. */
export const samplingLanes = 256;

/** Logits of one workgroup of the first stage: as many as its invocations keep in registers. */
export const samplingChunk = 16 * samplingLanes;

/** Numbers of a chunk that the first stage leaves: its largest logit and the place, Σ e^(logit − it), the best draw and its place. */
export const chunkNumbers = 5;

/** WGSL functions of both stages, over `logits`. */
export const samplingFunctions = (softcap: number): string => `
var<workgroup> values: array<f32, ${samplingLanes}>;
var<workgroup> places: array<i32, ${samplingLanes}>;
${workgroupTotal(samplingLanes)}
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
  ${
      halvings(samplingLanes, (step) =>
        `if (lane < ${step}) {
      let other = values[lane + ${step}];
      if (other > values[lane] || (other == values[lane] && places[lane + ${step}] < places[lane])) {
        values[lane] = other;
        places[lane] = places[lane + ${step}];
      }
    }`)
    }
  highest = values[0];
  return places[0];`
}
}
/** Quarters of a nat, as whole numbers: what the histogram of a chunk counts by, downwards from its largest. */
fn level(z: f32) -> i32 { return i32(floor(clamp(z, -1e6, 1e6) * 4.0)); }
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
}`;
