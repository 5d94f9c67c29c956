import type * as tf from "@tensorflow/tfjs-core";
import type { Rows } from "./binding.ts";
import { launch } from "./program.ts";
import { squashText } from "./token_logprobs_chunks.ts";
import { halvings } from "./unrolled.ts";

const groupSize = 256;

/**
 * Folds a chunk's logits into each row's running maximum and sums (online softmax, Milakov and Gimelshein 2018, arXiv 1805.02867):
 * state [rows, 5]: the maximum, Σ e^(z−max), Σ e^(z−max)(z−max), the target's z, the maximum's index. A workgroup a row.
 */
export function foldLogits(
  logits: tf.Tensor,
  targets: tf.Tensor1D,
  state: tf.Tensor2D,
  { first, count, temperature, softcap }: Rows & { temperature: number; softcap: number },
): void {
  launch({
    key: `token_logprobs/fold/${softcap > 0}`,
    workgroupSize: groupSize,
    groups: targets.size,
    reads: { logits, targets },
    writes: { state },
    ints: { count, first },
    floats: { beta: 1 / temperature, softcap },
    declarations: `${squashText(softcap)}
var<workgroup> highest: array<f32, ${groupSize}>;
var<workgroup> where_highest: array<i32, ${groupSize}>;
var<workgroup> masses: array<f32, ${groupSize}>;
var<workgroup> moments: array<f32, ${groupSize}>;`,
    body: `
  let base = group * u.count;
  var top = -1e30;
  var at = 0;
  for (var i = lane; i < u.count; i += ${groupSize}) {
    let z = squashed(logits[base + i]);
    if (z > top) { top = z; at = u.first + i; }
  }
  highest[lane] = top;
  where_highest[lane] = at;
  workgroupBarrier();
  ${
      halvings(groupSize, (step) =>
        `if (lane < ${step}) {
    let other = highest[lane + ${step}];
    if (other > highest[lane] || (other == highest[lane] && where_highest[lane + ${step}] < where_highest[lane])) {
      highest[lane] = other;
      where_highest[lane] = where_highest[lane + ${step}];
    }
  }`)
    }
  top = highest[0];
  var mass = 0.0;
  var moment = 0.0;
  for (var i = lane; i < u.count; i += ${groupSize}) {
    let z = squashed(logits[base + i]) - top;
    let e = exp(z);
    mass += e;
    moment += e * z;
  }
  masses[lane] = mass;
  moments[lane] = moment;
  workgroupBarrier();
  ${
      halvings(
        groupSize,
        (step) =>
          `if (lane < ${step}) { masses[lane] += masses[lane + ${step}]; moments[lane] += moments[lane + ${step}]; }`,
      )
    }
  if (lane == 0) {
    let slot = group * 5;
    var best = f32(where_highest[0]);
    var sum = masses[0];
    var weighted = moments[0];
    if (u.first > 0) {
      let before = state[slot];
      let raised = max(before, top);
      let old = exp(before - raised);
      let new_part = exp(top - raised);
      weighted = old * (state[slot + 2] + (before - raised) * state[slot + 1]) + new_part * (weighted + (top - raised) * sum);
      sum = old * state[slot + 1] + new_part * sum;
      if (before >= top) { best = state[slot + 4]; }
      top = raised;
    }
    state[slot] = top;
    state[slot + 1] = sum;
    state[slot + 2] = weighted;
    state[slot + 4] = best;
    let target_entry = targets[group] - u.first;
    if (target_entry >= 0 && target_entry < u.count) { state[slot + 3] = squashed(logits[base + target_entry]); }
  }`,
  });
}
