/**
 * The forward pass, with a streaming softmax: the largest score so far and the sum of e^(score − it) of each row go along with the sums
 * of values.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { attentionFewRows } from "./attention_few_rows.ts";
import { type AttentionNumbers, type AttentionPlan, attentionPlan } from "./attention_plan.ts";
import { attentionTiles, keyRows, queryRows } from "./attention_tiles.ts";
import { launch, output } from "./program.ts";
import { letters } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/** Rows that a tile would be filled by to an eighth or less go without. */
const fewRows = 8;

/**
 * q [batch, length, heads, headDim], k and v [batch, keys, kvHeads, headDim] → out like q, and logSumExp [batch, length,
 * heads] for the backward pass. Query t stands at t + queryOffset and sees keys j ≤ its position, j > position −
 * window, and j ≥ starts[b] (int32 [batch], for prompts padded on the left). A query that sees nothing gives zeros.
 */
export function attentionForward(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  starts: tf.Tensor1D | null,
  numbers: AttentionNumbers,
): { out: tf.Tensor4D; logSumExp: tf.Tensor3D } {
  const plan = attentionPlan(q, k, starts, numbers);
  const { queryOffset = 0, window } = numbers;
  // what an open offset comes to in the end is not known: then all that there is
  const last = typeof queryOffset === "number" ? queryOffset + q.shape[1] : Infinity;
  const seen = Math.min(k.shape[1], last, window || Infinity);
  return plan.rows <= fewRows ? attentionFewRows({ q, k, v }, plan, seen) : manyRows({ q, k, v }, plan, seen);
}

function manyRows({ q, k, v }: Record<"q" | "k" | "v", tf.Tensor4D>, plan: AttentionPlan, seen: number) {
  const own = 64, tiling = attentionTiles(plan, own), { columns, other } = tiling;
  const { lanes, headDim } = plan, [batch, length, heads] = q.shape, tiles = Math.ceil(plan.rows / own);
  const out = output<tf.Tensor4D>(q.shape), logSumExp = output<tf.Tensor3D>([batch, length, heads]);
  const each = (text: (j: number) => string) => unrolled(columns, text);
  launch({
    key: `attention_forward/${plan.key}`,
    workgroupSize: tiling.workgroupSize,
    groups: plan.sequences * plan.kvHeads * tiles,
    flop: 4 * plan.sequences * plan.rows * plan.kvHeads * seen * headDim,
    reads: { q: { tensor: q, lanes }, k: { tensor: k, lanes }, v: { tensor: v, lanes }, ...plan.places },
    writes: { out: { tensor: out, lanes }, logSumExp },
    ints: { ...plan.ints, tiles },
    floats: plan.floats,
    declarations: () => `${plan.declarations}\n${tiling.declarations}`,
    body: () =>
      `${plan.rowTile(own)}
  ${tiling.place}
  ${tiling.sums("sum")}
  ${unrolled(4, (i) => `let place${i} = row_position(${tiling.own(i)});`)}
  var top = vec4<f32>(-1e30);
  var mass = vec4<f32>(0.0);
  for (var block = start; block < end; block += 64) {
    ${tiling.products("s", queryRows("q"), keyRows("k"))}
    var highest = top;
    ${
        each((j) =>
          unrolled(4, (i) =>
            `s${j}.${letters[i]} = select(-1e30, capped(s${j}.${letters[i]} * u.scale), ${
              other(j)
            } < end && sees(place${i}, ${other(j)}));`) +
          `\nhighest = max(highest, s${j});`
        )
      }
    ${tiling.acrossOthers("highest", (a, b) => `max(${a}, ${b})`)}
    let shrink = exp(top - highest);
    top = highest;
    mass *= shrink;
    ${
        each((j) =>
          `s${j} = select(exp(s${j} - top), vec4<f32>(0.0), s${j} < vec4<f32>(-9e29)); mass += s${j};`
        )
      }
    ${tiling.scale("sum", "shrink")}
    ${tiling.addWeighted("sum", "s", keyRows("v"))}
  }
  ${tiling.acrossOthers("mass", (a, b) => `${a} + ${b}`)}
  let share = select(1.0 / mass, vec4<f32>(0.0), mass == vec4<f32>(0.0));
  ${tiling.store("sum", queryRows("out"), "share")}
  if (x == 0) {
    ${
        unrolled(4, (i) =>
          `if (${tiling.own(i)} < span.rows) { logSumExp[row_index(kv, ${tiling.own(i)})] =
      select(top.${letters[i]} + log(mass.${letters[i]}), -1e30, mass.${letters[i]} == 0.0); }`)
      }
  }`,
  });
  return { out, logSumExp };
}
