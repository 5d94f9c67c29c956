/**
 * Decoding on the CPU, in phases that all threads share: products are split by output columns, so that each thread reads its part of
 * the weights for all rows (a product of 32 rows runs 1.3 times as fast as two of 16), attention and sampling by rows. A phase
 * takes microseconds and waits for nobody but its own chunks. The KV cache is written in place, head by head, a prompt's once for
 * all its completions; nothing is read back, finished rows cost nothing. The same phases serve the prefill, whose rows are the
 * tokens of all prompts.
 */
import { samplingFloor } from "../sampling_floor.ts";
import { addressOf, type Buffers, carve, type DecodePlan, type HeapTensor, PHASE } from "./decode_plan.ts";
import { columns, corrections, pack, packInput, product } from "./decode_products.ts";
import type { Task, Thread } from "./pool.ts";
import { expand, isPlain } from "./stored_product.ts";

/** x += norm(y), or x += y without a norm. */
function addResidual(
  thread: Thread,
  plan: DecodePlan,
  [x, y]: [number, number],
  norm: HeapTensor | undefined,
  rows: number,
) {
  if (norm) normalise(thread, plan, [y, x], norm, rows, x);
  else thread.kernels.accumulate(x, y, rows * plan.hidden);
}

/** y = residual + norm(x) of rows of the hidden width; residual 0: none. */
function normalise(
  { kernels }: Thread,
  { model, hidden }: DecodePlan,
  [x, y]: [number, number],
  { address }: HeapTensor,
  rows: number,
  residual = 0,
) {
  const { epsilon, addOne } = model;
  kernels.rmsForward(x, hidden, address, residual, y, hidden, 0, rows, hidden, epsilon, addOne ? 1 : 0);
}

/** The embedding's rows of the tokens of a pass. */
function embed(thread: Thread, { model, hidden, ids }: DecodePlan, x: number, rows: number) {
  const { kernels } = thread, { embedding, embeddingScale } = model, { ints } = thread.heap();
  if (isPlain(embedding.stored!)) {
    kernels.gatherRows(ids, embedding.address, x, 0, rows, hidden, embeddingScale);
    return;
  }
  for (let row = 0; row < rows; row++) {
    const id = ints[ids / 4 + row];
    expand(thread, embedding.stored!, { from: id, to: id + 1 }, x + row * hidden * 4);
  }
  if (embeddingScale !== 1) kernels.scaleInPlace(x, rows * hidden, embeddingScale);
}

function project(thread: Thread, plan: DecodePlan, b: Buffers, chunk: number, index: number, rows: number) {
  const { model, hidden } = plan,
    { heads, kvHeads, headDim, layers } = model,
    layer = layers[index];
  const x = b.x[chunk], h = b.h[chunk], wide = (heads + 2 * kvHeads) * headDim;
  if (index === 0) embed(thread, plan, x, rows);
  else addResidual(thread, plan, [x, b.down], layers[index - 1].postMlpNorm, rows);
  normalise(thread, plan, [x, h], layer.inputNorm, rows);
  const input = packInput(thread, plan, { x: h, packed: b.input[chunk], rows, width: hidden });
  const { qkv, ranges } = b.blocks[chunk].layers[index];
  let y = b.qkv;
  for (const block of qkv) {
    if (block.to > block.from) product(thread, block, input, y + block.from * 4, wide);
    y += block.weight.shape[0] * 4;
  }
  y = b.qkv;
  for (const [i, linear] of [layer.query, layer.key, layer.value].entries()) {
    const { from } = ranges[i];
    corrections(thread, linear, ranges[i], input, { y: y + from * 4, ld: wide, low: b.low[chunk] });
    y += linear.weight.shape[0] * 4;
  }
}

/** Bytes from one completion's cache to the next, and from keys to values. */
function cacheBytes({ model: { layers, kvHeads, headDim }, capacity }: DecodePlan) {
  const half = kvHeads * capacity * headDim * 4;
  return { half, completion: layers.length * 2 * half };
}

function cache(thread: Thread, plan: DecodePlan, b: Buffers, index: number, from: number, to: number) {
  const { kernels } = thread,
    { ints } = thread.heap(),
    { heads, kvHeads, headDim, epsilon, addOne, layers } = plan.model,
    layer = layers[index];
  const wide = (heads + 2 * kvHeads) * headDim,
    rotatedWide = (heads + kvHeads) * headDim,
    bytes = cacheBytes(plan);
  kernels.qkForward(
    b.qkv,
    wide,
    b.queries,
    rotatedWide,
    addressOf(layer.queryNorm),
    addressOf(layer.keyNorm),
    layer.rotary.address,
    layer.rotary.address + layer.rotary.shape[0] * headDim,
    plan.positions,
    from,
    to,
    heads,
    kvHeads,
    headDim,
    epsilon,
    addOne ? 1 : 0,
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
    { heads, kvHeads, headDim, queryScale, attentionSoftcap, layers } = plan.model,
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
      queryScale,
      attentionSoftcap,
      layers[index].window,
    );
  }
}

function output(thread: Thread, plan: DecodePlan, b: Buffers, chunk: number, index: number, rows: number) {
  const block = b.blocks[chunk].layers[index].output, width = plan.model.heads * plan.model.headDim;
  if (block.from === block.to) return;
  const input = packInput(thread, plan, { x: b.attention, packed: b.input[chunk], rows, width });
  const place = { y: b.o + block.from * 4, ld: plan.hidden, low: b.low[chunk] };
  columns(thread, plan.model.layers[index].output, block, input, place);
}

function activate(thread: Thread, plan: DecodePlan, b: Buffers, chunk: number, index: number, rows: number) {
  const { kernels } = thread, { model, hidden } = plan, layer = model.layers[index];
  const x = b.x[chunk], h = b.h[chunk], low = b.low[chunk], { gate, up } = b.blocks[chunk].layers[index];
  addResidual(thread, plan, [x, b.o], layer.postAttentionNorm, rows);
  normalise(thread, plan, [x, h], layer.mlpNorm, rows);
  const width = gate.to - gate.from, ld = 2 * width, y = b.gateUp[chunk];
  if (width === 0) return;
  const input = packInput(thread, plan, { x: h, packed: b.input[chunk], rows, width: hidden });
  columns(thread, layer.gate, gate, input, { y, ld, low });
  columns(thread, layer.up, up, input, { y: y + width * 4, ld, low });
  kernels.gatedForward(y, b.active[chunk], 0, rows, width, model.activation === "silu" ? 1 : 0);
  packInput(thread, plan, { x: b.active[chunk], packed: b.packedActive[chunk], rows, width });
}

function down(thread: Thread, plan: DecodePlan, b: Buffers, chunk: number, index: number, rows: number) {
  const { gemm, kernels } = thread,
    { hidden, intermediate } = plan,
    { bias, lora } = plan.model.layers[index].down,
    rank = lora?.a.shape[0] ?? 0;
  const blocks = b.blocks[chunk].layers[index].down, { from, to } = blocks[0], out = to - from;
  const y = b.down + from * 4, low = b.low[chunk];
  if (out === 0) return;
  for (const [part, block] of blocks.entries()) {
    const { first, end } = block, width = end - first, x = b.active[part];
    if (width === 0) continue;
    product(thread, block, { x, packed: b.packedActive[part], rows, width }, y, hidden, part > 0);
    if (lora) {
      const a = lora.a.address + first * 4;
      gemm(false, true, rows, rank, width, x, width, a, intermediate, low, rank, part > 0);
    }
  }
  if (bias) kernels.addBias(y, hidden, bias.address + from * 4, rows, out);
  if (lora) {
    kernels.scaleInPlace(low, rows * rank, lora.scale);
    gemm(false, true, rows, out, rank, low, rank, lora.b.address + from * rank * 4, rank, y, hidden, true);
  }
}

function logits(thread: Thread, plan: DecodePlan, b: Buffers, chunk: number, first: number, end: number) {
  const { model, hidden, vocabulary } = plan, rows = end - first;
  const offset = first * hidden * 4, x = b.x[chunk] + offset, h = b.h[chunk], { head } = b.blocks[chunk];
  addResidual(thread, plan, [x, b.down + offset], model.layers.at(-1)!.postMlpNorm, rows);
  normalise(thread, plan, [x, h], model.finalNorm, rows);
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
    if (plan.model.finalSoftcap) kernels.softcapInPlace(at, v, plan.model.finalSoftcap);
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
