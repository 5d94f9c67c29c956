/**
 * Decoding on the CPU: a chunk of rows runs through all layers and the sampler within one thread, several tokens a
 * call, so that threads never wait for each other inside a token, nothing is read back, and finished rows cost
 * nothing. The KV cache is written in place. The same layers serve the prefill of a prompt, whose rows are then its
 * tokens.
 */
import { samplingFloor } from "../sampling_floor.ts";
import type { Task, Thread } from "./pool.ts";

/** Addresses of one linear layer [out × in] and what may be added to it; 0 where absent. */
export interface LinearPlan {
  weight: number;
  bias: number;
  out: number;
  in: number;
  loraA: number;
  loraB: number;
  rank: number;
  loraScale: number;
}

/** One decoder layer by addresses. */
export interface LayerPlan {
  inputNorm: number;
  query: LinearPlan;
  key: LinearPlan;
  value: LinearPlan;
  queryNorm: number;
  keyNorm: number;
  output: LinearPlan;
  /** After attention and after the MLP, before the residual sum (Gemma); 0: none. */
  postAttentionNorm: number;
  mlpNorm: number;
  gate: LinearPlan;
  up: LinearPlan;
  down: LinearPlan;
  postMlpNorm: number;
  /** Rotary tables [position × headDim/2]. */
  cos: number;
  sin: number;
  /** Sliding window in tokens; 0: all. */
  window: number;
}

/** A whole decoder and a batch under way, as plain data that crosses to the workers once a batch. */
export interface DecodePlan {
  layers: LayerPlan[];
  embedding: number;
  head: number;
  finalNorm: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  intermediate: number;
  vocabulary: number;
  epsilon: number;
  /** 1 where the norm's weight is stored minus one. */
  one: number;
  embeddingScale: number;
  queryScale: number;
  attentionSoftcap: number;
  finalSoftcap: number;
  activation: number;
  /** Cache: rows × layers × {key, value} × capacity × kvHeads·headDim floats. */
  cache: number;
  capacity: number;
  rows: number;
  /** Rows a chunk, and its scratch. */
  chunkRows: number;
  work: number;
  workBytes: number;
  /** Int32 arrays [rows]: tokens in the cache, last token, tokens produced, 1 when done, sampling seed. */
  lengths: number;
  last: number;
  produced: number;
  done: number;
  seeds: number;
  /** [rows × maxTokens] chosen tokens and their log-probabilities. */
  tokens: number;
  logprobs: number;
  maxTokens: number;
  eos: number[];
  /** Inverse temperature; 0: greedy. */
  beta: number;
  topK: number;
  topP: number;
  minP: number;
  /** Prompts to prefill: first row and the address of the ids (Int32), all but the last token. */
  prompts: { row: number; rows: number; ids: number; length: number }[];
}

/** Bytes of scratch that `rows` rows of `plan` need. */
export function decodeWorkBytes(plan: Omit<DecodePlan, "workBytes">, rows: number): number {
  const wide = (plan.heads + 2 * plan.kvHeads) * plan.headDim;
  const rank = Math.max(
    0,
    ...plan.layers.flatMap((l) =>
      [l.query, l.key, l.value, l.output, l.gate, l.up, l.down].map((x) => x.rank)
    ),
  );
  const floats = rows *
      (3 * plan.hidden + 2 * wide + plan.heads * plan.headDim + 3 * plan.intermediate + rank +
        plan.vocabulary + 16) + plan.capacity;
  return Math.ceil((floats * 4 + 1024) / 64) * 64;
}

interface Buffers {
  x: number;
  h: number;
  o: number;
  qkv: number;
  rotated: number;
  attention: number;
  gateUp: number;
  active: number;
  lora: number;
  logits: number;
  scores: number;
  ids: number;
  positions: number;
  lse: number;
  entropy: number;
  hit: number;
}

function carve(plan: DecodePlan, base: number, rows: number): Buffers {
  let at = base;
  const take = (floats: number) => {
    const address = at;
    at += Math.ceil(floats / 4) * 16;
    return address;
  };
  const wide = (plan.heads + 2 * plan.kvHeads) * plan.headDim, room = plan.workBytes;
  const buffers = {
    x: take(rows * plan.hidden),
    h: take(rows * plan.hidden),
    o: take(rows * plan.hidden),
    qkv: take(rows * wide),
    rotated: take(rows * wide),
    attention: take(rows * plan.heads * plan.headDim),
    gateUp: take(2 * rows * plan.intermediate),
    active: take(rows * plan.intermediate),
    scores: take(Math.max(plan.capacity, rows)),
    ids: take(rows),
    positions: take(rows),
    lse: take(rows),
    entropy: take(rows),
    hit: take(rows),
    lora: 0,
    logits: 0,
  };
  const rank = Math.max(
    0,
    ...plan.layers.flatMap((l) =>
      [l.query, l.key, l.value, l.output, l.gate, l.up, l.down].map((x) => x.rank)
    ),
  );
  buffers.lora = take(rows * rank);
  buffers.logits = at;
  if (at > base + room) {
    throw new RangeError(`decoding needs ${at - base} bytes of scratch a chunk and has ${room}`);
  }
  return buffers;
}

function linear(
  { gemm, kernels }: Thread,
  plan: LinearPlan,
  rows: number,
  x: number,
  y: number,
  ld: number,
  lora: number,
): void {
  gemm(false, true, rows, plan.out, plan.in, x, plan.in, plan.weight, plan.in, y, ld, false);
  if (plan.bias) kernels.addBias(y, ld, plan.bias, rows, plan.out);
  if (plan.rank) {
    gemm(false, true, rows, plan.rank, plan.in, x, plan.in, plan.loraA, plan.in, lora, plan.rank, false);
    kernels.scaleInPlace(lora, rows * plan.rank, plan.loraScale);
    gemm(false, true, rows, plan.out, plan.rank, lora, plan.rank, plan.loraB, plan.rank, y, ld, true);
  }
}

/** All layers over `rows` rows whose token ids are in `b.ids`; row i stands at `positions[i]` of cache `caches[i]`. */
function layers(
  thread: Thread,
  plan: DecodePlan,
  b: Buffers,
  rows: number,
  caches: number[],
  positions: number[],
): void {
  const { kernels } = thread, { hidden, heads, kvHeads, headDim: hd, intermediate, epsilon, one } = plan;
  const wide = (heads + 2 * kvHeads) * hd,
    rotatedWide = (heads + kvHeads) * hd,
    kvWide = kvHeads * hd,
    half = plan.capacity * kvWide * 4;
  kernels.gatherRows(b.ids, plan.embedding, b.x, 0, rows, hidden, plan.embeddingScale);
  for (const [index, layer] of plan.layers.entries()) {
    kernels.rmsForward(b.x, hidden, layer.inputNorm, 0, b.h, hidden, 0, rows, hidden, epsilon, one);
    linear(thread, layer.query, rows, b.h, b.qkv, wide, b.lora);
    linear(thread, layer.key, rows, b.h, b.qkv + heads * hd * 4, wide, b.lora);
    linear(thread, layer.value, rows, b.h, b.qkv + rotatedWide * 4, wide, b.lora);
    kernels.qkForward(
      b.qkv,
      wide,
      b.rotated,
      rotatedWide,
      layer.queryNorm,
      layer.keyNorm,
      layer.cos,
      layer.sin,
      b.positions,
      0,
      rows,
      heads,
      kvHeads,
      hd,
      epsilon,
      one,
    );
    for (let i = 0; i < rows; i++) {
      const keys = caches[i] + index * 2 * half + positions[i] * kvWide * 4;
      kernels.copyRows(b.rotated + (i * rotatedWide + heads * hd) * 4, kvWide, keys, kvWide, 1, kvWide);
      kernels.copyRows(b.qkv + (i * wide + rotatedWide) * 4, kvWide, keys + half, kvWide, 1, kvWide);
    }
    for (let i = 0; i < rows; i++) {
      const keys = caches[i] + index * 2 * half;
      kernels.decodeAttention(
        b.rotated + i * rotatedWide * 4,
        keys,
        keys + half,
        b.attention + i * heads * hd * 4,
        b.scores,
        positions[i] + 1,
        kvWide,
        heads,
        kvHeads,
        hd,
        plan.queryScale,
        plan.attentionSoftcap,
        layer.window,
      );
    }
    linear(thread, layer.output, rows, b.attention, b.o, hidden, b.lora);
    if (layer.postAttentionNorm) {
      kernels.rmsForward(
        b.o,
        hidden,
        layer.postAttentionNorm,
        b.x,
        b.x,
        hidden,
        0,
        rows,
        hidden,
        epsilon,
        one,
      );
    } else kernels.accumulate(b.x, b.o, rows * hidden);
    kernels.rmsForward(b.x, hidden, layer.mlpNorm, 0, b.h, hidden, 0, rows, hidden, epsilon, one);
    linear(thread, layer.gate, rows, b.h, b.gateUp, 2 * intermediate, b.lora);
    linear(thread, layer.up, rows, b.h, b.gateUp + intermediate * 4, 2 * intermediate, b.lora);
    kernels.gatedForward(b.gateUp, b.active, 0, rows, intermediate, plan.activation);
    linear(thread, layer.down, rows, b.active, b.o, hidden, b.lora);
    if (layer.postMlpNorm) {
      kernels.rmsForward(b.o, hidden, layer.postMlpNorm, b.x, b.x, hidden, 0, rows, hidden, epsilon, one);
    } else kernels.accumulate(b.x, b.o, rows * hidden);
  }
}

function prefill(thread: Thread, plan: DecodePlan, index: number, chunk: number): void {
  const { row, rows, ids, length } = plan.prompts[index];
  const ints = new Int32Array(thread.memory.buffer), kvWide = plan.kvHeads * plan.headDim;
  const rowBytes = plan.layers.length * 2 * plan.capacity * kvWide * 4, cache = plan.cache + row * rowBytes;
  const b = carve(plan, plan.work + chunk * plan.workBytes, plan.chunkRows);
  for (let from = 0; from < length; from += plan.chunkRows) {
    const n = Math.min(plan.chunkRows, length - from),
      positions = Array.from({ length: n }, (_, i) => from + i);
    ints.set(positions, b.positions / 4);
    thread.kernels.copyRows(ids + from * 4, n, b.ids, n, 1, n);
    layers(thread, plan, b, n, positions.map(() => cache), positions);
  }
  for (let copy = 1; copy < rows; copy++) {
    for (let part = 0; part < plan.layers.length * 2; part++) {
      const offset = part * plan.capacity * kvWide * 4;
      thread.kernels.copyRows(cache + offset, 0, cache + copy * rowBytes + offset, 0, 1, length * kvWide);
    }
  }
}

function decode(thread: Thread, plan: DecodePlan, chunk: number, steps: number): void {
  const { kernels } = thread,
    ints = new Int32Array(thread.memory.buffer),
    floats = new Float32Array(thread.memory.buffer);
  const rowBytes = plan.layers.length * 2 * plan.capacity * plan.kvHeads * plan.headDim * 4,
    v = plan.vocabulary;
  const b = carve(plan, plan.work + chunk * plan.workBytes, plan.chunkRows);
  const first = chunk * plan.chunkRows, end = Math.min(plan.rows, first + plan.chunkRows);
  const filter = { topK: plan.topK, topP: plan.topP, minP: plan.minP },
    filtered = plan.topK > 0 || plan.topP < 1 || plan.minP > 0;
  for (let step = 0; step < steps; step++) {
    const rows: number[] = [];
    for (let row = first; row < end; row++) if (!ints[plan.done / 4 + row]) rows.push(row);
    if (rows.length === 0) return;
    const n = rows.length, positions = rows.map((row) => ints[plan.lengths / 4 + row]);
    ints.set(positions, b.positions / 4);
    ints.set(rows.map((row) => ints[plan.last / 4 + row]), b.ids / 4);
    layers(thread, plan, b, n, rows.map((row) => plan.cache + row * rowBytes), positions);
    kernels.rmsForward(
      b.x,
      plan.hidden,
      plan.finalNorm,
      0,
      b.h,
      plan.hidden,
      0,
      n,
      plan.hidden,
      plan.epsilon,
      plan.one,
    );
    thread.gemm(false, true, n, v, plan.hidden, b.h, plan.hidden, plan.head, plan.hidden, b.logits, v, false);
    if (plan.finalSoftcap) kernels.softcapInPlace(b.logits, n * v, plan.finalSoftcap);
    for (const [i, row] of rows.entries()) {
      const logits = b.logits + i * v * 4, count = ints[plan.produced / 4 + row];
      const floor = filtered && plan.beta
        ? samplingFloor(floats.subarray(logits / 4, logits / 4 + v), plan.beta, filter)
        : -3e38;
      const token = plan.beta
        ? kernels.gumbelArgmax(logits, v, plan.beta, floor, ints[plan.seeds / 4 + row], count)
        : kernels.argmax(logits, v);
      ints[b.ids / 4 + i] = token;
    }
    // probabilities are the whole distribution's at the sampling temperature, which is what training divides by
    kernels.logprobRows(b.logits, b.ids, b.scores, b.lse, b.entropy, b.hit, n, v, plan.beta || 1);
    for (const [i, row] of rows.entries()) {
      const token = ints[b.ids / 4 + i],
        count = ints[plan.produced / 4 + row],
        at = row * plan.maxTokens + count;
      ints[plan.tokens / 4 + at] = token;
      floats[plan.logprobs / 4 + at] = floats[b.scores / 4 + i];
      ints[plan.last / 4 + row] = token;
      ints[plan.lengths / 4 + row]++;
      ints[plan.produced / 4 + row] = count + 1;
      if (plan.eos.includes(token) || count + 1 >= plan.maxTokens) ints[plan.done / 4 + row] = 1;
    }
  }
}

const plans = new WeakMap<Thread, { serial: number; plan: DecodePlan }>();

/**
 * Arguments: the plan's JSON as bytes (address, length, serial number), 0 to prefill or the number of tokens to decode.
 */
export const decodeTask: Task = (thread, index, _count) => {
  const [address, length, serial, steps] = thread.i32;
  let held = plans.get(thread);
  if (held?.serial !== serial) {
    const bytes = new Uint8Array(thread.memory.buffer, address >>> 0, length).slice();
    plans.set(thread, held = { serial, plan: JSON.parse(new TextDecoder().decode(bytes)) });
  }
  if (steps > 0) return decode(thread, held.plan, index, steps);
  // prompts are dealt to chunks in turn, so that each has its own scratch
  const chunks = Math.ceil(held.plan.rows / held.plan.chunkRows);
  for (let prompt = index; prompt < held.plan.prompts.length; prompt += chunks) {
    prefill(thread, held.plan, prompt, index);
  }
};
