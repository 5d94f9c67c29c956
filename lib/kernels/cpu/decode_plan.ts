/** What decoding on the CPU works with: a decoder and a batch as addresses on the heap, its phases, and its work area. */
import type { DecoderDescription, LayerDescription, Linear } from "../decoder_description.ts";
import { joined, type StoredMatrix } from "./stored_product.ts";

/** A tensor on the heap; its shape is that of its numbers, however they are stored. */
export interface HeapTensor {
  address: number;
  shape: number[];
  /** Of a matrix. */
  stored?: StoredMatrix;
}

/** A decoder by addresses. */
export type HeapDecoder = DecoderDescription<HeapTensor, HeapTensor>;
export type HeapLayer = LayerDescription<HeapTensor, HeapTensor>;
export type HeapLinear = Linear<HeapTensor, HeapTensor>;

/** The address of a tensor; 0 where there is none. */
export const addressOf = (tensor?: HeapTensor) => tensor?.address ?? 0;

/** A decoder and a batch under way, as plain data that crosses to the workers once a batch. */
export interface DecodePlan {
  model: HeapDecoder;
  hidden: number;
  intermediate: number;
  vocabulary: number;
  /** Floats [completion × layer × {key, value} × kvHead × capacity × headDim]. */
  cache: number;
  capacity: number;
  /** Chunks that a product is cut into, and what their columns are multiples of. */
  chunks: number;
  unit: number;
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
  /** A token for each of the rows [from, to), and its completion's counts: from, to. By rows. */
  sample: 9,
} as const;

const linears = ({ query, key, value, output, gate, up, down }: HeapLayer) => [
  query,
  key,
  value,
  output,
  gate,
  up,
  down,
];

const maxRank = ({ model }: DecodePlan) =>
  Math.max(0, ...model.layers.flatMap((layer) => linears(layer).map(({ lora }) => lora?.a.shape[0] ?? 0)));

/** All matrices that products read. */
export const matricesOf = ({ layers, head }: HeapDecoder) => [
  ...layers.flatMap(linears).map(({ weight }) => weight),
  head,
];

/** Floats that all matrices of a plan take once more when they are packed. */
export const packedFloats = (model: HeapDecoder) =>
  matricesOf(model).reduce((sum, { shape: [out, width] }) => sum + out * width, 0);

/** Columns [from, to) of `total` that chunk `index` of `chunks` computes; whole vectors, whole groups of stored matrices. */
function columnsOf({ chunks, unit }: DecodePlan, total: number, index: number): [number, number] {
  const size = Math.ceil(total / chunks / unit) * unit;
  return [Math.min(total, index * size), Math.min(total, (index + 1) * size)];
}

/** A chunk's block of a matrix: outputs [from, to) from inputs [first, end); `packed` 0: the weight as it lies. */
export interface Block {
  weight: HeapTensor;
  from: number;
  to: number;
  first: number;
  end: number;
  packed: number;
}

/** What of the outputs [from, to) lies within each of some matrices that stand below each other. */
function within(matrices: readonly HeapTensor[], [from, to]: [number, number]) {
  let end = 0;
  return matrices.map(({ shape: [out] }) => {
    const start = end;
    end += out;
    return { from: Math.max(0, from - start), to: Math.max(0, Math.min(out, to - start)) };
  });
}

/** The blocks of chunk `chunk`; `take` gives room for the packed ones, 0 where none are wanted. */
function blocksOf(plan: DecodePlan, chunk: number, take: (floats: number) => number) {
  const { model, chunks, intermediate, hidden, vocabulary } = plan;
  const block = (
    weight: HeapTensor,
    [from, to]: [number, number],
    [first, end] = [0, weight.shape[1]],
  ): Block => {
    const empty = from >= to || first >= end;
    return { weight, from, to, first, end, packed: empty ? 0 : take((to - from) * (end - first)) };
  };
  return {
    layers: model.layers.map(({ query, key, value, output, gate, up, down }) => {
      const wide = (model.heads + 2 * model.kvHeads) * model.headDim,
        own = columnsOf(plan, wide, chunk);
      const matrices = [query, key, value].map(({ weight }) => weight);
      const products = joined(matrices.map(({ stored }) => stored!)).map((stored): HeapTensor => ({
        address: stored.address,
        shape: [stored.rows, stored.columns],
        stored,
      }));
      const ranges = within(products, own);
      return {
        qkv: products.map((weight, i) => block(weight, [ranges[i].from, ranges[i].to])),
        // and of each layer, for its bias and adapter
        ranges: within(matrices, own),
        output: block(output.weight, columnsOf(plan, hidden, chunk)),
        gate: block(gate.weight, columnsOf(plan, intermediate, chunk)),
        up: block(up.weight, columnsOf(plan, intermediate, chunk)),
        // the activations lie in one buffer a chunk
        down: Array.from(
          { length: chunks },
          (_, part) =>
            block(down.weight, columnsOf(plan, hidden, chunk), columnsOf(plan, intermediate, part)),
        ),
      };
    }),
    head: block(model.head, columnsOf(plan, vocabulary, chunk)),
  };
}

/** All blocks of a chunk. */
export const allBlocks = ({ layers, head }: ReturnType<typeof blocksOf>): Block[] => [
  ...layers.flatMap(({ qkv, output, gate, up, down }) => [...qkv, output, gate, up, ...down]),
  head,
];

/** Floats of a chunk's largest block of a matrix in few bits. */
const largestStored = (chunk: ReturnType<typeof blocksOf>) =>
  allBlocks(chunk).reduce(
    (most, { weight, from, to, first, end }) =>
      weight.stored!.kind === 0 ? most : Math.max(most, (to - from) * (end - first)),
    0,
  );

/** Addresses within the work area, and the weights' blocks: what all chunks share and, by chunk, what each has for itself. */
export function carve(plan: DecodePlan) {
  const { model, passRows: rows, hidden, intermediate, chunks, packed } = plan,
    { heads, kvHeads, headDim } = model;
  let at = plan.work;
  const take = (floats: number) => {
    const address = at;
    at += Math.ceil(floats / 16) * 64;
    return address;
  };
  const each = (floats: number) => Array.from({ length: chunks }, () => take(floats));
  const active = Math.ceil(intermediate / chunks / plan.unit) * plan.unit;
  const blocks = Array.from({ length: chunks }, (_, chunk) => blocksOf(plan, chunk, packed ? take : () => 0));
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
    blocks,
    // where a chunk's block of a matrix in few bits is brought to float32 before it is packed
    expanded: blocks.map((chunk) => take(packed ? largestStored(chunk) : 0)),
  };
  return { ...buffers, bytes: at - plan.work };
}

/** Bytes of work area that `plan` needs. */
export function decodeWorkBytes(plan: Omit<DecodePlan, "work">): number {
  return carve({ ...plan, work: 0 }).bytes;
}

export type Buffers = ReturnType<typeof carve>;
