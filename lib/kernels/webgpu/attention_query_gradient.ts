import type * as tf from "@tensorflow/tfjs-core";
import type { AttentionPlan } from "./attention_plan.ts";
import { launch, output } from "./program.ts";
import { unrolled } from "./unrolled.ts";

/** What the backward kernels read; `stats` as `attentionStats` makes them. */
export interface AttentionGradientInputs {
  q: tf.Tensor4D;
  k: tf.Tensor4D;
  v: tf.Tensor4D;
  dout: tf.Tensor4D;
  stats: tf.Tensor2D;
}

/**
 * dq, like q: workgroups as in the forward pass, probabilities computed again from the saved log-sum-exp. One launch; the caller
 * disposes of it.
 */
export function attentionQueryGradient(
  { q, k, v, dout, stats }: AttentionGradientInputs,
  plan: AttentionPlan,
): tf.Tensor4D {
  const { tile, lanes, type, steps, columns, zero, dot, item, tileSize, headDim } = plan;
  const tiles = Math.ceil(plan.rows / tile), dq = output<tf.Tensor4D>(q.shape);
  launch({
    key: `attention_query_gradient/${plan.key}`,
    groups: plan.sequences * plan.kvHeads * tiles,
    flop: 6 * plan.sequences * plan.rows * plan.kvHeads * k.shape[1] * headDim,
    reads: {
      q: { tensor: q, lanes },
      k: { tensor: k, lanes },
      v: { tensor: v, lanes },
      dout: { tensor: dout, lanes },
      stats,
      ...plan.places,
    },
    writes: { dq },
    ints: { ...plan.ints, tiles },
    floats: plan.floats,
    declarations: () =>
      `${plan.declarations}
var<workgroup> query: array<${type}, ${tileSize}>;
var<workgroup> dresult: array<${type}, ${tileSize}>;
var<workgroup> ds: array<f32, ${tile * 64}>;
var<workgroup> delta: array<f32, ${tile}>;
var<workgroup> normaliser: array<f32, ${tile}>;`,
    body: () =>
      `${plan.rowTile}
  for (var at = lane; at < ${tileSize}; at += 64) {
    let row = first + at / ${steps};
    query[at] = ${zero};
    dresult[at] = ${zero};
    if (row < span.rows) {
      let base = row_index(kv, row) * ${steps} + at % ${steps};
      query[at] = q[base];
      dresult[at] = dout[base];
    }
  }
  if (lane < ${tile} && first + lane < span.rows) {
    let at = 2 * row_index(kv, first + lane);
    normaliser[lane] = stats[at];
    delta[lane] = stats[at + 1];
  }
  ${unrolled(tile * columns, (i) => `var acc${i} = 0.0;`)}
  workgroupBarrier();
  for (var block = start; block < end; block += 64) {
    let key = block + lane;
    ${unrolled(tile, (r) => `var s${r} = 0.0; var g${r} = 0.0;`)}
    if (key < end) {
      let at = key_index(kv, key) * ${steps};
      for (var d = 0; d < ${steps}; d++) {
        let x = k[at + d];
        let y = v[at + d];
        ${
        unrolled(
          tile,
          (r) =>
            `s${r} += ${dot("x", `query[${r * steps} + d]`)}; g${r} += ${
              dot("y", `dresult[${r * steps} + d]`)
            };`,
        )
      }
      }
    }
    ${
        unrolled(tile, (r) => `
    s${r} = capped(s${r} * u.scale);
    ds[${
          r * 64
        } + lane] = select(0.0, exp(s${r} - normaliser[${r}]) * (g${r} - delta[${r}]) * slope(s${r}) * u.scale,
      key < end && first + ${r} < span.rows && sees(row_position(first + ${r}), key));`)
      }
    workgroupBarrier();
    let count = min(64, end - block);
    for (var j = 0; j < count; j++) {
      let at = key_index(kv, block + j) * ${headDim} + lane;
      ${
        unrolled(columns, (c) => `
      if (lane + ${c * 64} < ${headDim}) {
        let x = ${item("k", `at + ${c * 64}`)};
        ${unrolled(tile, (r) => `acc${r * columns + c} += ds[${r * 64} + j] * x;`)}
      }`)
      }
    }
    workgroupBarrier();
  }
  ${
        unrolled(tile, (r) => `
  if (first + ${r} < span.rows) {
    let at = row_index(kv, first + ${r}) * ${headDim} + lane;
    ${
          unrolled(
            columns,
            (c) => `if (lane + ${c * 64} < ${headDim}) { dq[at + ${c * 64}] = acc${r * columns + c}; }`,
          )
        }
  }`)
      }`,
  });
  return dq;
}
