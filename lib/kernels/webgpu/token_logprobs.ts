/**
 * Log-probabilities of chosen tokens straight from hidden states on WebGPU. The [rows × vocabulary] logits exist only a
 * chunk of the vocabulary at a time: each chunk is a tiled product into one scratch matrix, folded into a running maximum
 * and sums (online softmax, Milakov and Gimelshein 2018, arXiv 1805.02867). Two launches a chunk forward, three or four
 * backward. Chunks of the table are bound by their place in its buffer, so that a table over the adapter's binding
 * limit (128 MB on some) works too.
 */
import type * as tf from "@tensorflow/tfjs-core";
import { multiply } from "./multiply.ts";
import { bindableRows, type Rows, rowsOf } from "./binding.ts";
import { activeDevice } from "./command_stream.ts";
import { launch, output } from "./program.ts";
import { tanhOf } from "./tanh.ts";

/** How logits become a distribution. */
export interface TokenLogprobNumbers {
  /** Logits are divided by this. @default 1 */
  temperature?: number;
  /** Logits become c·tanh(logit/c) first; 0: none. @default 0 */
  softcap?: number;
  /** Vocabulary entries at a time, a multiple of 64. @default so that a chunk of logits is at most 64 MB */
  chunk?: number;
}

/** Options of {@linkcode tokenLogprobsBackward}. */
export interface TokenLogprobGradientNumbers extends TokenLogprobNumbers {
  /** Whether the table's gradient is wanted; a frozen one saves a product and a buffer of its size. @default true */
  tableGradient?: boolean;
}

/** One value a row each. */
export interface TokenLogprobResults {
  logprob: tf.Tensor1D;
  logSumExp: tf.Tensor1D;
  /** In nats, of the whole distribution. */
  entropy: tf.Tensor1D;
  /** 1 where the target is the most likely token. */
  argmaxMatches: tf.Tensor1D;
}

const groupSize = 256;
const chunkFloats = 1 << 24;

/** Parts of the vocabulary whose logits and whose vectors can be bound at once, the largest first. */
function chunksOf(rows: number, table: tf.Tensor2D, wanted?: number): Rows[] {
  const most = Math.min(chunkFloats, activeDevice().limits.maxStorageBufferBindingSize / 4);
  // whole multiples of 64 rows keep a part's byte address a multiple of 256
  const size = Math.max(64, Math.floor((wanted ?? most / rows) / 64) * 64);
  return bindableRows(...table.shape).flatMap(({ first, count }) =>
    Array.from(
      { length: Math.ceil(count / size) },
      (_, i) => ({ first: first + i * size, count: Math.min(size, count - i * size) }),
    )
  );
}

/** Logits of the entries of a chunk; gives those entries, as `multiply` takes them. */
function chunkLogits(hidden: tf.Tensor2D, table: tf.Tensor2D, chunk: Rows, logits: tf.Tensor) {
  const [rows, width] = hidden.shape, b = rowsOf(table, chunk, table.shape[1]);
  multiply({
    a: hidden,
    factors: [{ b, columns: chunk.count, inner: width }],
    out: logits,
    rows,
    transposeB: true,
  });
  return b;
}

const squash = (softcap: number) => `
${softcap > 0 ? tanhOf : ""}
fn squashed(raw: f32) -> f32 {
  return ${softcap > 0 ? "u.softcap * tanh_of(raw / u.softcap)" : "raw"} * u.beta;
}`;

/**
 * hidden [rows, width], table [vocabulary, width] or int32 [vocabulary, width/2] of `packHalf`, targets int32 [rows]. The
 * caller disposes of all four results.
 */
export function tokenLogprobsForward(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  targets: tf.Tensor1D,
  { temperature = 1, softcap = 0, chunk }: TokenLogprobNumbers = {},
): TokenLogprobResults {
  const [rows] = hidden.shape, chunks = chunksOf(rows, table, chunk);
  const logits = output([rows * chunks[0].count]), state = output([rows * 5]);
  const vector = () => output<tf.Tensor1D>([rows]);
  const [logprob, logSumExp, entropy, argmaxMatches] = [vector(), vector(), vector(), vector()];
  for (const { first, count } of chunks) {
    chunkLogits(hidden, table, { first, count }, logits);
    launch({
      key: `token_logprobs/fold/${softcap > 0}`,
      workgroupSize: groupSize,
      groups: rows,
      reads: { logits, targets },
      writes: { state },
      ints: { count, first },
      floats: { beta: 1 / temperature, softcap },
      declarations: `${squash(softcap)}
var<workgroup> highest: array<f32, ${groupSize}>;
var<workgroup> where_highest: array<i32, ${groupSize}>;
var<workgroup> masses: array<f32, ${groupSize}>;
var<workgroup> moments: array<f32, ${groupSize}>;`,
      // state: maximum, Σ e^(z−max), Σ e^(z−max)(z−max), the target's z, the maximum's index
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
  for (var step = ${groupSize / 2}; step > 0; step /= 2) {
    if (lane < step) {
      let other = highest[lane + step];
      if (other > highest[lane] || (other == highest[lane] && where_highest[lane + step] < where_highest[lane])) {
        highest[lane] = other;
        where_highest[lane] = where_highest[lane + step];
      }
    }
    workgroupBarrier();
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
  for (var step = ${groupSize / 2}; step > 0; step /= 2) {
    if (lane < step) { masses[lane] += masses[lane + step]; moments[lane] += moments[lane + step]; }
    workgroupBarrier();
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
  launch({
    key: "token_logprobs/finish",
    groups: Math.ceil(rows / 64),
    reads: { state, targets },
    writes: { logprob, logSumExp, entropy, argmaxMatches },
    ints: { rows },
    body: `
  if (index >= u.rows) { return; }
  let slot = index * 5;
  let scale = log(state[slot + 1]);
  logSumExp[index] = state[slot] + scale;
  logprob[index] = state[slot + 3] - state[slot] - scale;
  entropy[index] = scale - state[slot + 2] / state[slot + 1];
  argmaxMatches[index] = select(0.0, 1.0, i32(state[slot + 4]) == targets[index]);`,
  });
  logits.dispose();
  state.dispose();
  return { logprob, logSumExp, entropy, argmaxMatches };
}

/**
 * The gradients from those of `logprob` and, where it has any, of `entropy`: dlogits = β·(g·(onehot(target) − p) − e·p·(log p + entropy)).
 * `dtable` is null when it is not wanted. The caller disposes of them.
 */
export function tokenLogprobsBackward(
  dy: { logprobs: tf.Tensor1D; entropy: tf.Tensor1D | null },
  { hidden, table, targets, logSumExp, entropy }:
    & Record<"targets" | "logSumExp" | "entropy", tf.Tensor1D>
    & Record<"hidden" | "table", tf.Tensor2D>,
  { temperature = 1, softcap = 0, chunk, tableGradient = true }: TokenLogprobGradientNumbers = {},
): { dhidden: tf.Tensor2D; dtable: tf.Tensor2D | null } {
  const [rows, width] = hidden.shape, chunks = chunksOf(rows, table, chunk);
  const logits = output([rows * chunks[0].count]),
    dhidden = output<tf.Tensor2D>([rows, width]);
  if (tableGradient && table.dtype !== "float32") {
    throw new RangeError("a vocabulary table packed to 16 bits has no gradient: pass tableGradient: false");
  }
  const dtable = tableGradient ? output<tf.Tensor2D>(table.shape) : null;
  for (const { first, count } of chunks) {
    const entries = chunkLogits(hidden, table, { first, count }, logits);
    launch({
      key: `token_logprobs/gradient/${softcap > 0}/${dy.entropy !== null}`,
      groups: Math.ceil(rows * count / 64),
      reads: {
        dlogprob: dy.logprobs,
        targets,
        logSumExp,
        ...(dy.entropy ? { dentropy: dy.entropy, entropy } : {}),
      },
      writes: { logits },
      ints: { total: rows * count, count, first },
      floats: { beta: 1 / temperature, softcap },
      declarations: squash(softcap),
      body: `
  if (index >= u.total) { return; }
  let row = index / u.count;
  let z = squashed(logits[index]);
  let logp = z - logSumExp[row];
  let p = exp(logp);
  var g = -p;
  if (targets[row] == u.first + index % u.count) { g += 1.0; }
  g *= dlogprob[row] * u.beta;
  ${dy.entropy ? "g -= dentropy[row] * u.beta * p * (logp + entropy[row]);" : ""}
  ${softcap > 0 ? "let t = z / (u.beta * u.softcap); g *= 1.0 - t * t;" : ""}
  logits[index] = g;`,
    });
    multiply({
      a: logits,
      factors: [{ b: entries, columns: width, inner: count }],
      out: dhidden,
      rows,
      accumulate: first > 0,
    });
    if (dtable) {
      multiply({
        a: logits,
        factors: [{ b: hidden, columns: width, inner: rows }],
        out: rowsOf(dtable, { first, count }, width),
        rows: count,
        transposeA: true,
      });
    }
  }
  logits.dispose();
  return { dhidden, dtable };
}
