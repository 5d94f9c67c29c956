/**
 * Causal grouped-query attention on WebGPU with a streaming softmax (Dao et al. 2022, arXiv 2205.14135): no [T × T]
 * tensor exists, forward or backward. A workgroup takes a few query rows of one key head, all query heads of its group
 * together, so that each key and value is read once for all of them; the backward pass computes probabilities again
 * from the saved log-sum-exp. One launch forward, two backward, all sums in a fixed order.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { launch, output } from "./program.ts";

/** An attention layer's numbers. */
export interface AttentionNumbers {
  /** Scores are multiplied by this. */
  scale: number;
  /** A query sees the last `window` keys, itself included; 0: all. @default 0 */
  window?: number;
  /** Scores become c·tanh(score/c); 0: none. @default 0 */
  softcap?: number;
  /** Position of the first query among the keys. @default 0 */
  queryOffset?: number;
}

interface Plan {
  batch: number;
  length: number;
  heads: number;
  keys: number;
  kvHeads: number;
  headDim: number;
  group: number;
  /** Rows, or keys, that a workgroup works on at once. */
  tile: number;
}

function planned(q: tf.Tensor4D, k: tf.Tensor4D): Plan {
  const [batch, length, heads, headDim] = q.shape, [, keys, kvHeads] = k.shape;
  if (heads % kvHeads || k.shape[0] !== batch || k.shape[3] !== headDim) {
    throw new RangeError(
      `attention needs keys [${batch}, keys, a divisor of ${heads}, ${headDim}] for queries [${q.shape}], got [${k.shape}]`,
    );
  }
  return {
    batch,
    length,
    heads,
    keys,
    kvHeads,
    headDim,
    group: heads / kvHeads,
    tile: headDim > 128 ? 4 : 8,
  };
}

const times = (count: number, text: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join("\n");

/** Text pieces that differ with the head size: vectors of four where it allows. */
function pieces({ headDim, tile }: Plan) {
  const lanes = (headDim % 4 === 0 ? 4 : 1) as 1 | 4, type = lanes === 4 ? "vec4<f32>" : "f32";
  const steps = headDim / lanes, columns = Math.ceil(headDim / 64);
  return {
    lanes,
    type,
    steps,
    columns,
    zero: `${type}(0.0)`,
    dot: (a: string, b: string) => lanes === 4 ? `dot(${a}, ${b})` : `${a} * ${b}`,
    /** One float of a tensor or tile bound in vectors. */
    item: (name: string, at: string) =>
      lanes === 4 ? `${name}[(${at}) >> 2u][(${at}) & 3]` : `${name}[${at}]`,
    tileSize: steps * tile,
  };
}

function shared(
  plan: Plan,
  starts: tf.Tensor1D | null,
  { scale, window = 0, softcap = 0, queryOffset = 0 }: AttentionNumbers,
) {
  const { length, heads, keys, kvHeads, headDim, group, tile } = plan;
  return {
    key: `${headDim}/${tile}/${softcap > 0}/${window > 0}/${starts !== null}`,
    starts: (starts ? { starts } : {}) as Record<string, tf.Tensor>,
    ints: { length, heads, keys, kvHeads, share: group, rows: length * group, window, offset: queryOffset },
    floats: { scale, softcap },
    start: starts ? "starts[b]" : "0",
    declarations: `
fn capped(raw: f32) -> f32 {
  ${softcap > 0 ? "return u.softcap * tanh(clamp(raw / u.softcap, -15.0, 15.0));" : "return raw;"}
}
fn slope(score: f32) -> f32 {
  ${softcap > 0 ? "let t = score / u.softcap; return 1.0 - t * t;" : "return 1.0;"}
}
fn sees(position: i32, key: i32) -> bool {
  return key <= position${window > 0 ? " && key > position - u.window" : ""};
}
fn row_position(row: i32) -> i32 { return u.offset + row / u.share; }
fn row_index(b: i32, kv: i32, row: i32) -> i32 { return (b * u.length + row / u.share) * u.heads + kv * u.share + row % u.share; }
fn stat_index(b: i32, kv: i32, row: i32) -> i32 { return (b * u.heads + kv * u.share + row % u.share) * u.length + row / u.share; }
fn key_index(b: i32, kv: i32, key: i32) -> i32 { return (b * u.keys + key) * u.kvHeads + kv; }`,
    /** What a workgroup of query rows begins with. */
    rowTile: `
  let kv = (group / u.tiles) % u.kvHeads;
  let b = group / u.tiles / u.kvHeads;
  let first = (group % u.tiles) * ${tile};
  let end = min(u.keys, row_position(min(first + ${tile}, u.rows) - 1) + 1);
  let start = max(${starts ? "starts[b]" : "0"}, ${
      window > 0 ? "row_position(first) - u.window + 1" : "0"
    });`,
  };
}

/**
 * q [batch, length, heads, headDim], k and v [batch, keys, kvHeads, headDim] → out like q, and logSumExp [batch, heads,
 * length] for the backward pass. Query t stands at t + queryOffset and sees keys j ≤ its position, j > position −
 * window, and j ≥ starts[b] (int32 [batch], for prompts padded on the left). A query that sees nothing gives zeros.
 */
export function attentionForward(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  starts: tf.Tensor1D | null,
  numbers: AttentionNumbers,
): { out: tf.Tensor4D; logSumExp: tf.Tensor3D } {
  const plan = planned(q, k), { batch, length, heads, kvHeads, headDim, tile } = plan;
  const { lanes, type, steps, columns, zero, dot, item, tileSize } = pieces(plan),
    common = shared(plan, starts, numbers);
  const out = output<tf.Tensor4D>(q.shape), logSumExp = output<tf.Tensor3D>([batch, heads, length]);
  const tiles = Math.ceil(common.ints.rows / tile), perRow = 64 / tile;
  launch({
    key: `attention_forward/${common.key}`,
    groups: batch * kvHeads * tiles,
    reads: { q: { tensor: q, lanes }, k: { tensor: k, lanes }, v: { tensor: v, lanes }, ...common.starts },
    writes: { out, logSumExp },
    ints: { ...common.ints, tiles },
    floats: common.floats,
    declarations: () =>
      `${common.declarations}
var<workgroup> query: array<${type}, ${tileSize}>;
var<workgroup> p: array<f32, ${tile * 64}>;
var<workgroup> partial: array<f32, 64>;
var<workgroup> factor: array<f32, ${tile}>;`,
    body: () =>
      `${common.rowTile}
  for (var at = lane; at < ${tileSize}; at += 64) {
    let row = first + at / ${steps};
    if (row < u.rows) { query[at] = q[row_index(b, kv, row) * ${steps} + at % ${steps}]; } else { query[at] = ${zero}; }
  }
  let own = lane / ${perRow};
  var top = -1e30;
  var mass = 0.0;
  ${times(tile * columns, (i) => `var acc${i} = 0.0;`)}
  workgroupBarrier();
  for (var block = start; block < end; block += 64) {
    let key = block + lane;
    ${times(tile, (r) => `var s${r} = 0.0;`)}
    if (key < end) {
      let at = key_index(b, kv, key) * ${steps};
      for (var d = 0; d < ${steps}; d++) {
        let x = k[at + d];
        ${times(tile, (r) => `s${r} += ${dot("x", `query[${r * steps} + d]`)};`)}
      }
    }
    ${
        times(tile, (r) =>
          `p[${
            r * 64
          } + lane] = select(-1e30, capped(s${r} * u.scale), key < end && sees(row_position(first + ${r}), key));`)
      }
    workgroupBarrier();
    var highest = -1e30;
    for (var e = 0; e < ${tile}; e++) { highest = max(highest, p[lane * ${tile} + e]); }
    partial[lane] = highest;
    workgroupBarrier();
    for (var e = 0; e < ${perRow}; e++) { highest = max(highest, partial[own * ${perRow} + e]); }
    let raised = max(top, highest);
    let shrink = exp(top - raised);
    top = raised;
    var sum = 0.0;
    for (var e = 0; e < ${tile}; e++) {
      let s = p[lane * ${tile} + e];
      let x = select(exp(s - raised), 0.0, s < -9e29);
      p[lane * ${tile} + e] = x;
      sum += x;
    }
    workgroupBarrier();
    partial[lane] = sum;
    if (lane % ${perRow} == 0) { factor[own] = shrink; }
    workgroupBarrier();
    mass *= shrink;
    for (var e = 0; e < ${perRow}; e++) { mass += partial[own * ${perRow} + e]; }
    ${times(tile * columns, (i) => `acc${i} *= factor[${Math.floor(i / columns)}];`)}
    for (var j = 0; j < min(64, end - block); j++) {
      let at = key_index(b, kv, block + j) * ${headDim} + lane;
      ${
        times(columns, (c) => `
      if (lane + ${c * 64} < ${headDim}) {
        let x = ${item("v", `at + ${c * 64}`)};
        ${times(tile, (r) => `acc${r * columns + c} += p[${r * 64} + j] * x;`)}
      }`)
      }
    }
    workgroupBarrier();
  }
  if (lane % ${perRow} == 0) {
    factor[own] = select(1.0 / mass, 0.0, mass == 0.0);
    if (first + own < u.rows) { logSumExp[stat_index(b, kv, first + own)] = select(top + log(mass), -1e30, mass == 0.0); }
  }
  workgroupBarrier();
  ${
        times(tile, (r) => `
  if (first + ${r} < u.rows) {
    let at = row_index(b, kv, first + ${r}) * ${headDim} + lane;
    ${
          times(
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
  return { out, logSumExp };
}

/** The gradients of {@linkcode attentionForward}, given its results. The caller disposes of all three. */
export function attentionBackward(
  dout: tf.Tensor4D,
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  v: tf.Tensor4D,
  out: tf.Tensor4D,
  logSumExp: tf.Tensor3D,
  starts: tf.Tensor1D | null,
  numbers: AttentionNumbers,
): { dq: tf.Tensor4D; dk: tf.Tensor4D; dv: tf.Tensor4D } {
  const plan = planned(q, k), { batch, length, heads, kvHeads, headDim, keys, tile } = plan;
  const { lanes, type, steps, columns, zero, dot, item, tileSize } = pieces(plan),
    common = shared(plan, starts, numbers);
  const dq = output<tf.Tensor4D>(q.shape),
    dk = output<tf.Tensor4D>(k.shape),
    dv = output<tf.Tensor4D>(v.shape);
  // log-sum-exp and dout·out of each row, side by side: the second launch has no binding to spare for both
  const stats = output([batch, heads, length, 2]);
  const tiles = Math.ceil(common.ints.rows / tile), perRow = 64 / tile;
  const vectors = {
    q: { tensor: q, lanes },
    k: { tensor: k, lanes },
    v: { tensor: v, lanes },
    dout: { tensor: dout, lanes },
  };
  launch({
    key: `attention_backward/queries/${common.key}`,
    groups: batch * kvHeads * tiles,
    reads: { ...vectors, out, logSumExp, ...common.starts },
    writes: { dq, stats },
    ints: { ...common.ints, tiles },
    floats: common.floats,
    declarations: () =>
      `${common.declarations}
var<workgroup> query: array<${type}, ${tileSize}>;
var<workgroup> dresult: array<${type}, ${tileSize}>;
var<workgroup> ds: array<f32, ${tile * 64}>;
var<workgroup> partial: array<f32, 64>;
var<workgroup> delta: array<f32, ${tile}>;
var<workgroup> normaliser: array<f32, ${tile}>;`,
    body: () =>
      `${common.rowTile}
  for (var at = lane; at < ${tileSize}; at += 64) {
    let row = first + at / ${steps};
    query[at] = ${zero};
    dresult[at] = ${zero};
    if (row < u.rows) {
      let base = row_index(b, kv, row) * ${steps} + at % ${steps};
      query[at] = q[base];
      dresult[at] = dout[base];
    }
  }
  let own = lane / ${perRow};
  var product = 0.0;
  if (first + own < u.rows) {
    let at = row_index(b, kv, first + own) * ${headDim};
    for (var d = lane % ${perRow}; d < ${headDim}; d += ${perRow}) { product += ${
        item("dout", "at + d")
      } * out[at + d]; }
  }
  partial[lane] = product;
  workgroupBarrier();
  if (lane < ${tile}) {
    var sum = 0.0;
    for (var e = 0; e < ${perRow}; e++) { sum += partial[lane * ${perRow} + e]; }
    delta[lane] = sum;
    if (first + lane < u.rows) {
      let at = stat_index(b, kv, first + lane);
      normaliser[lane] = logSumExp[at];
      stats[2 * at] = logSumExp[at];
      stats[2 * at + 1] = sum;
    }
  }
  ${times(tile * columns, (i) => `var acc${i} = 0.0;`)}
  workgroupBarrier();
  for (var block = start; block < end; block += 64) {
    let key = block + lane;
    ${times(tile, (r) => `var s${r} = 0.0; var g${r} = 0.0;`)}
    if (key < end) {
      let at = key_index(b, kv, key) * ${steps};
      for (var d = 0; d < ${steps}; d++) {
        let x = k[at + d];
        let y = v[at + d];
        ${
        times(
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
        times(tile, (r) => `
    s${r} = capped(s${r} * u.scale);
    ds[${
          r * 64
        } + lane] = select(0.0, exp(s${r} - normaliser[${r}]) * (g${r} - delta[${r}]) * slope(s${r}) * u.scale,
      key < end && first + ${r} < u.rows && sees(row_position(first + ${r}), key));`)
      }
    workgroupBarrier();
    for (var j = 0; j < min(64, end - block); j++) {
      let at = key_index(b, kv, block + j) * ${headDim} + lane;
      ${
        times(columns, (c) => `
      if (lane + ${c * 64} < ${headDim}) {
        let x = ${item("k", `at + ${c * 64}`)};
        ${times(tile, (r) => `acc${r * columns + c} += ds[${r * 64} + j] * x;`)}
      }`)
      }
    }
    workgroupBarrier();
  }
  ${
        times(tile, (r) => `
  if (first + ${r} < u.rows) {
    let at = row_index(b, kv, first + ${r}) * ${headDim} + lane;
    ${
          times(
            columns,
            (c) => `if (lane + ${c * 64} < ${headDim}) { dq[at + ${c * 64}] = acc${r * columns + c}; }`,
          )
        }
  }`)
      }`,
  });

  const keyTiles = Math.ceil(keys / tile);
  const lastSeen = (numbers.window ?? 0) > 0
    ? `min(u.rows, max(0, min(first + ${tile}, u.keys) - 1 + u.window - u.offset) * u.share)`
    : "u.rows";
  launch({
    key: `attention_backward/keys/${common.key}`,
    groups: batch * kvHeads * keyTiles,
    reads: { ...vectors, stats, ...common.starts },
    writes: { dk, dv },
    ints: { ...common.ints, tiles: keyTiles },
    floats: common.floats,
    declarations: () =>
      `${common.declarations}
var<workgroup> keyTile: array<${type}, ${tileSize}>;
var<workgroup> valueTile: array<${type}, ${tileSize}>;
var<workgroup> p: array<f32, ${tile * 64}>;
var<workgroup> ds: array<f32, ${tile * 64}>;`,
    body: () => `
  let kv = (group / u.tiles) % u.kvHeads;
  let b = group / u.tiles / u.kvHeads;
  let first = (group % u.tiles) * ${tile};
  let begin = max(0, first - u.offset) * u.share;
  let finish = ${lastSeen};
  for (var at = lane; at < ${tileSize}; at += 64) {
    let key = first + at / ${steps};
    keyTile[at] = ${zero};
    valueTile[at] = ${zero};
    if (key < u.keys) {
      let base = key_index(b, kv, key) * ${steps} + at % ${steps};
      keyTile[at] = k[base];
      valueTile[at] = v[base];
    }
  }
  ${times(tile * columns, (i) => `var accK${i} = 0.0; var accV${i} = 0.0;`)}
  workgroupBarrier();
  for (var block = begin; block < finish; block += 64) {
    let row = block + lane;
    ${times(tile, (c) => `var s${c} = 0.0; var g${c} = 0.0;`)}
    var normaliser = 0.0;
    var delta = 0.0;
    if (row < finish) {
      let at = row_index(b, kv, row) * ${steps};
      for (var d = 0; d < ${steps}; d++) {
        let x = q[at + d];
        let y = dout[at + d];
        ${
      times(tile, (c) =>
        `s${c} += ${dot("x", `keyTile[${c * steps} + d]`)}; g${c} += ${
          dot("y", `valueTile[${c * steps} + d]`)
        };`)
    }
      }
      let stat = stat_index(b, kv, row);
      normaliser = stats[2 * stat];
      delta = stats[2 * stat + 1];
    }
    ${
      times(tile, (c) => `
    s${c} = capped(s${c} * u.scale);
    let p${c} = select(0.0, exp(s${c} - normaliser),
      row < finish && first + ${c} < u.keys && first + ${c} >= ${common.start} && sees(row_position(row), first + ${c}));
    p[${c * 64} + lane] = p${c};
    ds[${c * 64} + lane] = p${c} * (g${c} - delta) * slope(s${c}) * u.scale;`)
    }
    workgroupBarrier();
    for (var j = 0; j < min(64, finish - block); j++) {
      let at = row_index(b, kv, block + j) * ${headDim} + lane;
      ${
      times(columns, (n) => `
      if (lane + ${n * 64} < ${headDim}) {
        let x = ${item("q", `at + ${n * 64}`)};
        let y = ${item("dout", `at + ${n * 64}`)};
        ${
        times(
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
  ${
      times(tile, (c) => `
  if (first + ${c} < u.keys) {
    let at = key_index(b, kv, first + ${c}) * ${headDim} + lane;
    ${
        times(columns, (n) => `
    if (lane + ${n * 64} < ${headDim}) {
      dk[at + ${n * 64}] = accK${c * columns + n};
      dv[at + ${n * 64}] = accV${c * columns + n};
    }`)
      }
  }`)
    }`,
  });
  stats.dispose();
  return { dq, dk, dv };
}
