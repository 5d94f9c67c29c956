import type * as tf from "@tensorflow/tfjs-core";
import type { AttentionPlan } from "./attention_plan.ts";
import type { AttentionGradientInputs } from "./attention_query_gradient.ts";
import { launch, output } from "./program.ts";
import { unrolled } from "./unrolled.ts";

/**
 * dk and dv: a workgroup takes a few keys of one key head and walks the query rows that see them, of all sequences that continue
 * its own, in order. One launch; the caller disposes of both.
 */
export function attentionKeyGradient(
  { q, k, v, dout, stats }: AttentionGradientInputs,
  plan: AttentionPlan,
  { window = 0, packed }: { window?: number; packed?: { longest: number } },
): { dk: tf.Tensor4D; dv: tf.Tensor4D } {
  const { tile, lanes, type, steps, columns, zero, dot, item, tileSize, headDim } = plan;
  const dk = output<tf.Tensor4D>(k.shape), dv = output<tf.Tensor4D>(v.shape);
  const tiles = Math.ceil((packed?.longest ?? k.shape[1]) / tile);
  launch({
    key: `attention_key_gradient/${plan.key}`,
    groups: plan.sequences * plan.kvHeads * tiles,
    flop: 8 * plan.sequences * plan.rows * plan.kvHeads * k.shape[1] * headDim,
    reads: {
      q: { tensor: q, lanes },
      k: { tensor: k, lanes },
      v: { tensor: v, lanes },
      dout: { tensor: dout, lanes },
      stats,
      ...plan.places,
    },
    writes: { dk, dv },
    ints: { ...plan.ints, tiles },
    floats: plan.floats,
    declarations: () =>
      `${plan.declarations}
var<workgroup> keyTile: array<${type}, ${tileSize}>;
var<workgroup> valueTile: array<${type}, ${tileSize}>;
var<workgroup> p: array<f32, ${tile * 64}>;
var<workgroup> ds: array<f32, ${tile * 64}>;`,
    body: () => `
  let kv = (group / u.tiles) % u.kvHeads;
  let b = group / u.tiles / u.kvHeads;
  let first = (group % u.tiles) * ${tile};
  let home = span_of(b);
  let keys = home.seen - home.before;
  for (var at = lane; at < ${tileSize}; at += 64) {
    let key = first + at / ${steps};
    keyTile[at] = ${zero};
    valueTile[at] = ${zero};
    if (key < keys) {
      let base = ((home.keys + key) * u.kvHeads + kv) * ${steps} + at % ${steps};
      keyTile[at] = k[base];
      valueTile[at] = v[base];
    }
  }
  ${unrolled(tile * columns, (i) => `var accK${i} = 0.0; var accV${i} = 0.0;`)}
  workgroupBarrier();
  let position = home.before + first;
  let seers = select(b, ${plan.seers}, first < keys);
  for (var seer = b; seer < seers; seer++) {
    span = span_of(seer);
    let begin = max(0, position - span.offset) * u.share;
    let finish = ${
      window > 0
        ? `min(span.rows, max(0, position + min(${tile}, keys - first) - 1 + u.window - span.offset) * u.share)`
        : "span.rows"
    };
    for (var block = begin; block < finish; block += 64) {
      let row = block + lane;
      ${unrolled(tile, (c) => `var s${c} = 0.0; var g${c} = 0.0;`)}
      var normaliser = 0.0;
      var delta = 0.0;
      if (row < finish) {
        let at = row_index(kv, row) * ${steps};
        for (var d = 0; d < ${steps}; d++) {
          let x = q[at + d];
          let y = dout[at + d];
          ${
      unrolled(tile, (c) =>
        `s${c} += ${dot("x", `keyTile[${c * steps} + d]`)}; g${c} += ${
          dot("y", `valueTile[${c * steps} + d]`)
        };`)
    }
        }
        let stat = 2 * row_index(kv, row);
        normaliser = stats[stat];
        delta = stats[stat + 1];
      }
      ${
      unrolled(tile, (c) => `
      s${c} = capped(s${c} * u.scale);
      let p${c} = select(0.0, exp(s${c} - normaliser),
        row < finish && first + ${c} < keys && first + ${c} >= span.start && sees(row_position(row), position + ${c}));
      p[${c * 64} + lane] = p${c};
      ds[${c * 64} + lane] = p${c} * (g${c} - delta) * slope(s${c}) * u.scale;`)
    }
      workgroupBarrier();
      let count = min(64, finish - block);
      for (var j = 0; j < count; j++) {
        let at = row_index(kv, block + j) * ${headDim} + lane;
        ${
      unrolled(columns, (n) => `
        if (lane + ${n * 64} < ${headDim}) {
          let x = ${item("q", `at + ${n * 64}`)};
          let y = ${item("dout", `at + ${n * 64}`)};
          ${
        unrolled(
          tile,
          (c) =>
            `accK${c * columns + n} += ds[${c * 64} + j] * x; accV${c * columns + n} += p[${
              c * 64
            } + j] * y;`,
        )
      }
        }`)
    }
      }
      workgroupBarrier();
    }
  }
  ${
      unrolled(tile, (c) => `
  if (first + ${c} < keys) {
    let at = ((home.keys + first + ${c}) * u.kvHeads + kv) * ${headDim} + lane;
    ${
        unrolled(columns, (n) => `
    if (lane + ${n * 64} < ${headDim}) {
      dk[at + ${n * 64}] = accK${c * columns + n};
      dv[at + ${n * 64}] = accV${c * columns + n};
    }`)
      }
  }`)
    }`,
  });
  return { dk, dv };
}
