/**
 * Attention of few query rows, as decoding has them: a workgroup takes some rows of one key head, all query heads of its group together,
 * so that each key and value is read once for all of them. Where that makes few workgroups the keys are split over more, and a second
 * launch joins their parts.
 */
import * as tf from "@tensorflow/tfjs-core";
import { combineAttention } from "./attention_combine.ts";
import type { AttentionPlan } from "./attention_plan.ts";
import { launch, output } from "./program.ts";
import { unrolled } from "./unrolled.ts";

/** Workgroups that keep a card busy, and the fewest keys that are worth one. */
const wantedGroups = 128, fewestKeys = 128;

/** {@linkcode attentionForward} of few rows, which see `seen` keys at most. One launch, two where keys are split. */
export function attentionFewRows(
  { q, k, v }: Record<"q" | "k" | "v", tf.Tensor4D>,
  plan: AttentionPlan,
  seen: number,
): { out: tf.Tensor4D; logSumExp: tf.Tensor3D } {
  const { lanes, type, headDim } = plan, [batch, length, heads] = q.shape;
  const tile = headDim > 128 ? 4 : 8, perRow = 64 / tile, steps = headDim / lanes, tileSize = steps * tile;
  const columns = Math.ceil(headDim / 64), zero = `${type}(0.0)`, atOnce = steps % 4 === 0 ? 4 : 1;
  const dot = (a: string, b: string) => lanes === 4 ? `dot(${a}, ${b})` : `${a} * ${b}`;
  const item = (name: string, at: string) =>
    lanes === 4 ? `${name}[(${at}) >> 2u][(${at}) & 3]` : `${name}[${at}]`;
  const tiles = Math.ceil(plan.rows / tile), groups = plan.sequences * plan.kvHeads * tiles;
  const parts = plan.packed
    ? 1
    : Math.max(1, Math.min(Math.ceil(wantedGroups / groups), Math.floor(seen / fewestKeys)));
  const out = output<tf.Tensor4D>(parts > 1 ? [parts * batch, length, heads, headDim] : q.shape);
  // the largest score and Σ e^(score − largest) of each part; their logarithm where there is one part
  const logSumExp = output<tf.Tensor3D>(
    parts > 1 ? [parts * batch, length, 2 * heads] : [batch, length, heads],
  );
  launch({
    key: `attention_few_rows/${plan.key}/${parts > 1}`,
    groups: groups * parts,
    flop: 4 * plan.sequences * plan.rows * plan.kvHeads * seen * headDim,
    reads: { q: { tensor: q, lanes }, k: { tensor: k, lanes }, v: { tensor: v, lanes }, ...plan.places },
    writes: { out, logSumExp },
    ints: { ...plan.ints, parts, tiles, total: batch * length * heads },
    floats: plan.floats,
    declarations: () =>
      `${plan.declarations}
var<workgroup> query: array<${type}, ${tileSize}>;
var<workgroup> p: array<f32, ${tile * 64}>;
var<workgroup> partial: array<f32, 64>;
var<workgroup> factor: array<f32, ${tile}>;`,
    body: () =>
      `${plan.rowTile(tile)}
  ${
        parts > 1
          ? `let part = group % u.parts;
  let stretch = ((end - start + u.parts - 1) / u.parts + 63) / 64 * 64;
  start += part * stretch;
  end = min(end, start + stretch);`
          : ""
      }
  for (var at = lane; at < ${tileSize}; at += 64) {
    let row = first + at / ${steps};
    if (row < span.rows) { query[at] = q[row_index(kv, row) * ${steps} + at % ${steps}]; } else { query[at] = ${zero}; }
  }
  let own = lane / ${perRow};
  var top = -1e30;
  var mass = 0.0;
  ${unrolled(tile * columns, (i) => `var acc${i} = 0.0;`)}
  workgroupBarrier();
  for (var block = start; block < end; block += 64) {
    let key = block + lane;
    ${unrolled(tile, (r) => `var s${r} = 0.0;`)}
    if (key < end) {
      let at = key_index(kv, key) * ${steps};
      for (var d = 0; d < ${steps}; d += ${atOnce}) {
        ${
        unrolled(atOnce, (e) =>
          `{
        let x = k[at + d + ${e}];
        ${unrolled(tile, (r) => `s${r} += ${dot("x", `query[${r * steps + e} + d]`)};`)}
        }`)
      }
      }
    }
    ${
        unrolled(tile, (r) =>
          `p[${
            r * 64
          } + lane] = select(-1e30, capped(s${r} * u.scale), key < end && sees(row_position(first + ${r}), key));`)
      }
    workgroupBarrier();
    var highest = -1e30;
    ${unrolled(tile, (e) => `highest = max(highest, p[lane * ${tile} + ${e}]);`)}
    partial[lane] = highest;
    workgroupBarrier();
    ${unrolled(perRow, (e) => `highest = max(highest, partial[own * ${perRow} + ${e}]);`)}
    let raised = max(top, highest);
    let shrink = exp(top - raised);
    top = raised;
    var sum = 0.0;
    ${
        unrolled(tile, (e) =>
          `{ let s = p[lane * ${tile} + ${e}];
      let x = select(exp(s - raised), 0.0, s < -9e29);
      p[lane * ${tile} + ${e}] = x;
      sum += x; }`)
      }
    workgroupBarrier();
    partial[lane] = sum;
    if (lane % ${perRow} == 0) { factor[own] = shrink; }
    workgroupBarrier();
    mass *= shrink;
    ${unrolled(perRow, (e) => `mass += partial[own * ${perRow} + ${e}];`)}
    ${unrolled(tile * columns, (i) => `acc${i} *= factor[${Math.floor(i / columns)}];`)}
    let count = min(64, end - block);
    for (var j = 0; j < count; j++) {
      let at = key_index(kv, block + j) * ${headDim} + lane;
      ${
        unrolled(columns, (c) => `
      if (lane + ${c * 64} < ${headDim}) {
        let x = ${item("v", `at + ${c * 64}`)};
        ${unrolled(tile, (r) => `acc${r * columns + c} += p[${r * 64} + j] * x;`)}
      }`)
      }
    }
    workgroupBarrier();
  }
  if (lane % ${perRow} == 0) {
    ${
        parts > 1
          ? `factor[own] = 1.0;
    if (first + own < span.rows) {
      let at = 2 * (part * u.total + row_index(kv, first + own));
      logSumExp[at] = top;
      logSumExp[at + 1] = mass;
    }`
          : `factor[own] = select(1.0 / mass, 0.0, mass == 0.0);
    if (first + own < span.rows) { logSumExp[row_index(kv, first + own)] = select(top + log(mass), -1e30, mass == 0.0); }`
      }
  }
  workgroupBarrier();
  ${
        unrolled(tile, (r) => `
  if (first + ${r} < span.rows) {
    let at = (${parts > 1 ? "part * u.total + " : ""}row_index(kv, first + ${r})) * ${headDim} + lane;
    ${
          unrolled(
            columns,
            (c) =>
              `if (lane + ${c * 64} < ${headDim}) { out[at + ${c * 64}] = acc${
                r * columns + c
              } * factor[${r}]; }`,
          )
        }
  }`)
      }`,
  });
  if (parts === 1) return { out, logSumExp };
  const joined = combineAttention(out, logSumExp, parts);
  tf.dispose([out, logSumExp]);
  return joined;
}
