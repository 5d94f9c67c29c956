/**
 * Decoding on the CPU, in phases that all threads share: products are split by output columns, so that each thread reads its part of
 * the weights for all rows (a product of 32 rows runs 1.3 times as fast as two of 16), attention and sampling by rows. A phase
 * takes microseconds and waits for nobody but its own chunks. The KV cache is written in place, head by head, a prompt's once for
 * all its completions; nothing is read back, finished rows cost nothing. The same phases serve the prefill, whose rows are the tokens of all prompts.
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
  /** Floats [completion × layer × {key, value} × kvHead × capacity × headDim]. */
  cache: number;
  capacity: number;
  /** Chunks that a product is cut into. */
  chunks: number;
  /** Rows that a pass may have, and rows of logits that exist at once. */
  passRows: number;
  logitRows: number;
  work: number;
  /** Whether the weights are packed for the BLAS's inner kernels first. */
  packed: boolean;
  /** Int32 arrays [passRows], one entry a row of the pass: token, position, completion. */
  ids: number;
  positions: number;
  completions: number;
  /** Completions of each prompt, which lie one after the other. */
  n: number;
  /**
   * Int32 arrays [completions]: tokens of the prompt that lie in the cache of its first completion alone, tokens so far, last
   * token, tokens produced, 1 when done, sampling seed.
   */
  shared: number;
  lengths: number;
  last: number;
  produced: number;
  done: number;
  seeds: number;
  /** [completions × maxTokens] chosen tokens and their log-probabilities. */
  tokens: number;
  logprobs: number;
  maxTokens: number;
  eos: number[];
  /** Inverse temperature; 0: greedy. */
  beta: number;
  topK: number;
  topP: number;
  minP: number;
}

/** What a call of the task `decode` does; its arguments after the phase are given. */
export const PHASE = {
  /** The chunk's columns of all weights in the order of the BLAS's inner kernels; once, where the plan is `packed`. By columns. */
  pack: 0,
  /** Residual sum of the layer before, norm, queries, keys and values: layer, rows. By columns. */
  project: 1,
  /** Norm and rotation of queries and keys, which then enter the cache with the values: layer, rows. By rows. */
  cache: 2,
  /** Attention to the cache: layer, rows. By rows. */
  attend: 3,
  /** Both, where no row sees another of the pass: layer, rows. By rows. */
  cacheAndAttend: 4,
  /** Output projection: layer, rows. By columns. */
  output: 5,
  /** Residual sum, norm, gate, up and activation: layer, rows. By columns. */
  activate: 6,
  /** Down projection: layer, rows. By columns. */
  down: 7,
  /** Residual sum, norm and logits of rows [from, to): from, to. By columns. */
  logits: 8,
  /** A token for each of the rows [from, to), and the completion's books: from, to. By rows. */
  sample: 9,
} as const;

const linears = ({ query, key, value, output, gate, up, down }: LayerPlan) => [
  query,
  key,
  value,
  output,
  gate,
  up,
  down,
];

const maxRank = ({ layers }: Pick<DecodePlan, "layers">) =>
  Math.max(0, ...layers.flatMap((layer) => linears(layer).map(({ rank }) => rank)));

/** Floats that all matrices of a plan take once more when they are packed. */
export const packedFloats = ({ layers, vocabulary, hidden }: Omit<DecodePlan, "work" | "packed">) =>
  layers.flatMap(linears).reduce((sum, linear) => sum + linear.out * linear.in, vocabulary * hidden);

/** Columns [from, to) of `total` that chunk `index` of `count` computes; whole vectors. */
function columnsOf(total: number, index: number, count: number): [number, number] {
  const size = Math.ceil(total / count / 16) * 16;
  return [Math.min(total, index * size), Math.min(total, (index + 1) * size)];
}

/** A chunk's block of a linear layer: outputs [from, to) from inputs [first, end); `packed` 0: the weight as it lies. */
interface Block {
  linear: Pick<LinearPlan, "weight" | "in">;
  from: number;
  to: number;
  first: number;
  end: number;
  packed: number;
}

/** The blocks of chunk `chunk`; `take` gives room for the packed ones, 0 where none are wanted. */
function blocksOf(plan: DecodePlan, chunk: number, take: (floats: number) => number) {
  const { chunks, intermediate, hidden, vocabulary } = plan;
  const block = (
    linear: Block["linear"],
    [from, to]: [number, number],
    [first, end] = [0, linear.in],
  ): Block => {
    const empty = from >= to || first >= end;
    return { linear, from, to, first, end, packed: empty ? 0 : take((to - from) * (end - first)) };
  };
  return {
    layers: plan.layers.map(({ query, key, value, output, gate, up, down }) => {
      const [from, to] = columnsOf(query.out + key.out + value.out, chunk, chunks);
      let before = 0;
      const qkv = [query, key, value].map((linear) => {
        const own = block(linear, [Math.max(0, from - before), Math.min(linear.out, to - before)]);
        before += linear.out;
        return own;
      });
      return {
        qkv,
        output: block(output, columnsOf(hidden, chunk, chunks)),
        gate: block(gate, columnsOf(intermediate, chunk, chunks)),
        up: block(up, columnsOf(intermediate, chunk, chunks)),
        // the activations lie in one buffer a chunk
        down: Array.from(
          { length: chunks },
          (_, part) => block(down, columnsOf(hidden, chunk, chunks), columnsOf(intermediate, part, chunks)),
        ),
      };
    }),
    head: block({ weight: plan.head, in: hidden }, columnsOf(vocabulary, chunk, chunks)),
  };
}

/** Addresses within the work area: what all chunks share and, by chunk, what each has for itself. */
function carve(plan: DecodePlan) {
  const { passRows: rows, hidden, heads, kvHeads, headDim, intermediate, chunks, packed } = plan;
  let at = plan.work;
  const take = (floats: number) => {
    const address = at;
    at += Math.ceil(floats / 16) * 64;
    return address;
  };
  const each = (floats: number) => Array.from({ length: chunks }, () => take(floats));
  const active = Math.ceil(intermediate / chunks / 16) * 16;
  const buffers = {
    qkv: take(rows * (heads + 2 * kvHeads) * headDim),
    queries: take(rows * (heads + kvHeads) * headDim),
    attention: take(rows * heads * headDim),
    o: take(rows * hidden),
    down: take(rows * hidden),
    logits: take(plan.logitRows * plan.vocabulary),
    rowValues: take(4 * plan.logitRows),
    // every chunk keeps the residual stream for itself: computing it twice costs less than waiting for it
    x: each(rows * hidden),
    h: each(rows * hidden),
    gateUp: each(2 * rows * active),
    active: each(rows * active),
    low: each(rows * maxRank(plan)),
    scores: each(plan.capacity),
    // inputs of products as the inner kernels read them
    input: each(packed ? rows * Math.max(hidden, heads * headDim) : 0),
    packedActive: each(packed ? rows * active : 0),
    blocks: Array.from({ length: chunks }, (_, chunk) => blocksOf(plan, chunk, packed ? take : () => 0)),
  };
  return { ...buffers, bytes: at - plan.work };
}

/** Bytes of work area that `plan` needs. */
export function decodeWorkBytes(plan: Omit<DecodePlan, "work">): number {
  return carve({ ...plan, work: 0 }).bytes;
}

type Buffers = ReturnType<typeof carve>;

/** Brings all blocks of a chunk into the inner kernels' order. */
function pack({ packed }: Thread, { blocks }: Buffers, chunk: number) {
  const { layers, head } = blocks[chunk];
  const all = [
    ...layers.flatMap(({ qkv, output, gate, up, down }) => [...qkv, output, gate, up, ...down]),
    head,
  ];
  for (const { linear, from, to, first, end, packed: address } of all) {
    if (!address) continue;
    const weight = linear.weight + (from * linear.in + first) * 4;
    packed!.packRight(true, end - first, to - from, weight, linear.in, address);
  }
}

/** An input [rows × width] of products, without gaps, and the same packed (unused where the plan is not). */
interface Input {
  x: number;
  packed: number;
  rows: number;
  width: number;
}

/** Packs an input that all products of a phase share. */
function packInput(thread: Thread, plan: DecodePlan, input: Input): Input {
  const { x, packed, rows, width } = input;
  if (plan.packed) thread.packed!.packLeft(false, rows, width, x, width, packed);
  return input;
}

/** y (+)= x·Wᵀ for a block of W; `y` is the address of its first column, `ld` the length of y's rows. */
function product(
  { gemm, packed }: Thread,
  { linear, from, to, first, end, packed: address }: Block,
  { x, packed: input, rows, width }: Input,
  y: number,
  ld: number,
  accumulate = false,
): void {
  if (address) packed!.multiply(rows, to - from, width, input, address, y, ld, accumulate);
  else {
    const weight = linear.weight + (from * linear.in + first) * 4;
    gemm(false, true, rows, to - from, end - first, x, width, weight, linear.in, y, ld, accumulate);
  }
}

/** A block's columns of y = x·Wᵀ with bias and adapter; `low` is scratch. */
function columns(
  thread: Thread,
  plan: LinearPlan,
  block: Block,
  input: Input,
  { y, ld, low }: { y: number; ld: number; low: number },
): void {
  const { gemm, kernels } = thread, { rank } = plan, { from, to } = block, { x, rows, width } = input;
  if (to <= from) return;
  product(thread, block, input, y, ld);
  if (plan.bias) kernels.addBias(y, ld, plan.bias + from * 4, rows, to - from);
  if (rank) {
    gemm(false, true, rows, rank, width, x, width, plan.loraA, width, low, rank, false);
    kernels.scaleInPlace(low, rows * rank, plan.loraScale);
    gemm(false, true, rows, to - from, rank, low, rank, plan.loraB + from * rank * 4, rank, y, ld, true);
  }
}

/** x += norm(y), or x += y without a norm. */
function addResidual(thread: Thread, plan: DecodePlan, x: number, y: number, norm: number, rows: number) {
  const { kernels } = thread, { hidden, epsilon, one } = plan;
  if (norm) kernels.rmsForward(y, hidden, norm, x, x, hidden, 0, rows, hidden, epsilon, one);
  else kernels.accumulate(x, y, rows * hidden);
}

function project(thread: Thread, plan: DecodePlan, b: Buffers, chunk: number, index: number, rows: number) {
  const { kernels } = thread,
    { hidden, heads, kvHeads, headDim, epsilon, one } = plan,
    layer = plan.layers[index];
  const x = b.x[chunk], h = b.h[chunk], wide = (heads + 2 * kvHeads) * headDim;
  if (index === 0) kernels.gatherRows(plan.ids, plan.embedding, x, 0, rows, hidden, plan.embeddingScale);
  else addResidual(thread, plan, x, b.down, plan.layers[index - 1].postMlpNorm, rows);
  kernels.rmsForward(x, hidden, layer.inputNorm, 0, h, hidden, 0, rows, hidden, epsilon, one);
  const input = packInput(thread, plan, { x: h, packed: b.input[chunk], rows, width: hidden });
  const blocks = b.blocks[chunk].layers[index].qkv;
  let before = 0;
  for (const [i, linear] of [layer.query, layer.key, layer.value].entries()) {
    const y = b.qkv + (before + blocks[i].from) * 4;
    columns(thread, linear, blocks[i], input, { y, ld: wide, low: b.low[chunk] });
    before += linear.out;
  }
}

/** Bytes from one completion's cache to the next, and from keys to values. */
function cacheBytes({ layers, kvHeads, capacity, headDim }: DecodePlan) {
  const half = kvHeads * capacity * headDim * 4;
  return { half, completion: layers.length * 2 * half };
}

function cache(thread: Thread, plan: DecodePlan, b: Buffers, index: number, from: number, to: number) {
  const { kernels } = thread,
    { ints } = thread.heap(),
    { heads, kvHeads, headDim, epsilon, one } = plan,
    layer = plan.layers[index];
  const wide = (heads + 2 * kvHeads) * headDim,
    rotatedWide = (heads + kvHeads) * headDim,
    bytes = cacheBytes(plan);
  kernels.qkForward(
    b.qkv,
    wide,
    b.queries,
    rotatedWide,
    layer.queryNorm,
    layer.keyNorm,
    layer.cos,
    layer.sin,
    plan.positions,
    from,
    to,
    heads,
    kvHeads,
    headDim,
    epsilon,
    one,
  );
  for (let row = from; row < to; row++) {
    const position = ints[plan.positions / 4 + row], completion = ints[plan.completions / 4 + row];
    const keys = plan.cache + completion * bytes.completion + index * 2 * bytes.half + position * headDim * 4;
    // a row's heads lie side by side, the cache's a whole capacity apart
    const step = plan.capacity * headDim;
    kernels.copyRows(
      b.queries + (row * rotatedWide + heads * headDim) * 4,
      headDim,
      keys,
      step,
      kvHeads,
      headDim,
    );
    kernels.copyRows(
      b.qkv + (row * wide + rotatedWide) * 4,
      headDim,
      keys + bytes.half,
      step,
      kvHeads,
      headDim,
    );
  }
}

function attend(
  thread: Thread,
  plan: DecodePlan,
  b: Buffers,
  chunk: number,
  index: number,
  from: number,
  to: number,
) {
  const { kernels } = thread,
    { ints } = thread.heap(),
    { heads, kvHeads, headDim } = plan,
    bytes = cacheBytes(plan);
  for (let row = from; row < to; row++) {
    const completion = ints[plan.completions / 4 + row], layer = plan.cache + index * 2 * bytes.half;
    const keys = layer + completion * bytes.completion,
      shared = layer + (completion - completion % plan.n) * bytes.completion;
    kernels.decodeAttention(
      b.queries + row * (heads + kvHeads) * headDim * 4,
      keys,
      keys + bytes.half,
      shared,
      shared + bytes.half,
      ints[plan.shared / 4 + completion],
      b.attention + row * heads * headDim * 4,
      b.scores[chunk],
      ints[plan.positions / 4 + row] + 1,
      plan.capacity,
      heads,
      kvHeads,
      headDim,
      plan.queryScale,
      plan.attentionSoftcap,
      plan.layers[index].window,
    );
  }
}

function output(thread: Thread, plan: DecodePlan, b: Buffers, chunk: number, index: number, rows: number) {
  const block = b.blocks[chunk].layers[index].output, width = plan.heads * plan.headDim;
  if (block.from === block.to) return;
  const input = packInput(thread, plan, { x: b.attention, packed: b.input[chunk], rows, width });
  const place = { y: b.o + block.from * 4, ld: plan.hidden, low: b.low[chunk] };
  columns(thread, plan.layers[index].output, block, input, place);
}

function activate(thread: Thread, plan: DecodePlan, b: Buffers, chunk: number, index: number, rows: number) {
  const { kernels } = thread, { hidden, epsilon, one } = plan, layer = plan.layers[index];
  const x = b.x[chunk], h = b.h[chunk], low = b.low[chunk], { gate, up } = b.blocks[chunk].layers[index];
  addResidual(thread, plan, x, b.o, layer.postAttentionNorm, rows);
  kernels.rmsForward(x, hidden, layer.mlpNorm, 0, h, hidden, 0, rows, hidden, epsilon, one);
  const width = gate.to - gate.from, ld = 2 * width, y = b.gateUp[chunk];
  if (width === 0) return;
  const input = packInput(thread, plan, { x: h, packed: b.input[chunk], rows, width: hidden });
  columns(thread, layer.gate, gate, input, { y, ld, low });
  columns(thread, layer.up, up, input, { y: y + width * 4, ld, low });
  kernels.gatedForward(y, b.active[chunk], 0, rows, width, plan.activation);
  packInput(thread, plan, { x: b.active[chunk], packed: b.packedActive[chunk], rows, width });
}

function down(thread: Thread, plan: DecodePlan, b: Buffers, chunk: number, index: number, rows: number) {
  const { gemm, kernels } = thread, { hidden, intermediate } = plan, linear = plan.layers[index].down;
  const blocks = b.blocks[chunk].layers[index].down, { from, to } = blocks[0], out = to - from;
  const y = b.down + from * 4, low = b.low[chunk];
  if (out === 0) return;
  for (const [part, block] of blocks.entries()) {
    const { first, end } = block, width = end - first, x = b.active[part];
    if (width === 0) continue;
    product(thread, block, { x, packed: b.packedActive[part], rows, width }, y, hidden, part > 0);
    if (linear.rank) {
      const a = linear.loraA + first * 4;
      gemm(false, true, rows, linear.rank, width, x, width, a, intermediate, low, linear.rank, part > 0);
    }
  }
  if (linear.bias) kernels.addBias(y, hidden, linear.bias + from * 4, rows, out);
  if (linear.rank) {
    const { rank, loraB, loraScale } = linear;
    kernels.scaleInPlace(low, rows * rank, loraScale);
    gemm(false, true, rows, out, rank, low, rank, loraB + from * rank * 4, rank, y, hidden, true);
  }
}

function logits(thread: Thread, plan: DecodePlan, b: Buffers, chunk: number, first: number, end: number) {
  const { kernels } = thread, { hidden, vocabulary, epsilon, one } = plan, rows = end - first;
  const offset = first * hidden * 4, x = b.x[chunk] + offset, h = b.h[chunk], { head } = b.blocks[chunk];
  addResidual(thread, plan, x, b.down + offset, plan.layers.at(-1)!.postMlpNorm, rows);
  kernels.rmsForward(x, hidden, plan.finalNorm, 0, h, hidden, 0, rows, hidden, epsilon, one);
  if (head.from === head.to) return;
  const input = packInput(thread, plan, { x: h, packed: b.input[chunk], rows, width: hidden });
  product(thread, head, input, b.logits + head.from * 4, vocabulary);
}

/** Rows [from, to) of the pass, whose logits begin with row `first`. */
function sample(thread: Thread, plan: DecodePlan, b: Buffers, first: number, from: number, to: number) {
  const { kernels } = thread, { ints, floats } = thread.heap(), v = plan.vocabulary;
  const filter = { topK: plan.topK, topP: plan.topP, minP: plan.minP },
    filtered = plan.topK > 0 || plan.topP < 1 || plan.minP > 0;
  for (let row = from; row < to; row++) {
    const completion = ints[plan.completions / 4 + row], count = ints[plan.produced / 4 + completion];
    const at = b.logits + (row - first) * v * 4, place = completion * plan.maxTokens + count;
    if (plan.finalSoftcap) kernels.softcapInPlace(at, v, plan.finalSoftcap);
    const floor = filtered && plan.beta
      ? samplingFloor(floats.subarray(at / 4, at / 4 + v), plan.beta, filter)
      : -3e38;
    const token = plan.beta
      ? kernels.gumbelArgmax(at, v, plan.beta, floor, ints[plan.seeds / 4 + completion], count)
      : kernels.argmax(at, v);
    const values = b.rowValues + (row - first) * 16;
    ints[plan.tokens / 4 + place] = token;
    // probabilities are the whole distribution's at the sampling temperature, which is what training divides by
    kernels.logprobRows(
      at,
      plan.tokens + place * 4,
      plan.logprobs + place * 4,
      values,
      values + 4,
      values + 8,
      1,
      v,
      plan.beta || 1,
    );
    ints[plan.last / 4 + completion] = token;
    ints[plan.lengths / 4 + completion]++;
    ints[plan.produced / 4 + completion] = count + 1;
    if (plan.eos.includes(token) || count + 1 >= plan.maxTokens) ints[plan.done / 4 + completion] = 1;
  }
}

const plans = new WeakMap<Thread, { serial: number; plan: DecodePlan; buffers: Buffers }>();

/** Arguments: the plan's JSON as bytes (address, length, serial number), a phase and what it needs. */
export const decodeTask: Task = (thread, index, count) => {
  const [address, length, serial, phase, a, second] = thread.i32;
  let held = plans.get(thread);
  if (held?.serial !== serial) {
    const bytes = new Uint8Array(thread.memory.buffer, address >>> 0, length).slice();
    const plan: DecodePlan = JSON.parse(new TextDecoder().decode(bytes));
    plans.set(thread, held = { serial, plan, buffers: carve(plan) });
  }
  const { plan, buffers } = held;
  const share = (rows: number): [number, number] => [
    Math.floor(rows * index / count),
    Math.floor(rows * (index + 1) / count),
  ];
  if (phase === PHASE.pack) pack(thread, buffers, index);
  else if (phase === PHASE.project) project(thread, plan, buffers, index, a, second);
  else if (phase === PHASE.cache) cache(thread, plan, buffers, a, ...share(second));
  else if (phase === PHASE.attend) attend(thread, plan, buffers, index, a, ...share(second));
  else if (phase === PHASE.cacheAndAttend) {
    const [from, to] = share(second);
    cache(thread, plan, buffers, a, from, to);
    attend(thread, plan, buffers, index, a, from, to);
  } else if (phase === PHASE.output) output(thread, plan, buffers, index, a, second);
  else if (phase === PHASE.activate) activate(thread, plan, buffers, index, a, second);
  else if (phase === PHASE.down) down(thread, plan, buffers, index, a, second);
  else if (phase === PHASE.logits) logits(thread, plan, buffers, index, a, second);
  else if (phase === PHASE.sample) {
    const [from, to] = share(second - a);
    sample(thread, plan, buffers, a, a + from, a + to);
  }
};
