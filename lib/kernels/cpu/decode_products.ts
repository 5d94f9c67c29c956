/** The matrix products of decoding, by blocks of the weights: on the BLAS's inner kernels where the plan is packed. */
import { allBlocks, type Block, type Buffers, type DecodePlan, type HeapLinear } from "./decode_plan.ts";
import type { Thread } from "./pool.ts";
import { expand, timesTransposed } from "./stored_product.ts";

/** Brings all blocks of a chunk into the inner kernels' order. */
export function pack(thread: Thread, { blocks, expanded }: Buffers, chunk: number) {
  const packed = thread.packed!;
  for (const { weight, packed: address, ...range } of allBlocks(blocks[chunk])) {
    if (!address) continue;
    const { from, to, first, end } = range, width = end - first;
    if (weight.stored!.kind === 0) {
      const columns = weight.shape[1], start = weight.address + (from * columns + first) * 4;
      packed.packRight(true, width, to - from, start, columns, address);
    } else {
      expand(thread, weight.stored!, range, expanded[chunk]);
      packed.packRight(true, width, to - from, expanded[chunk], width, address);
    }
  }
}

/** An input [rows × width] of products, without gaps, and the same packed (unused where the plan is not). */
export interface Input {
  x: number;
  packed: number;
  rows: number;
  width: number;
}

/** Packs an input that all products of a phase share. */
export function packInput(thread: Thread, plan: DecodePlan, input: Input): Input {
  const { x, packed, rows, width } = input;
  if (plan.packed) thread.packed!.packLeft(false, rows, width, x, width, packed);
  return input;
}

/** y (+)= x·Wᵀ for a block of W; `y` is the address of its first column, `ld` the length of y's rows. */
export function product(
  thread: Thread,
  { weight, from, to, first, end, packed: address }: Block,
  { x, packed: input, rows, width }: Input,
  y: number,
  ld: number,
  accumulate = false,
): void {
  if (address) thread.packed!.multiply(rows, to - from, width, input, address, y, ld, accumulate);
  else {
    const range = { from, to, first, end };
    timesTransposed(thread, weight.stored!, {
      m: rows,
      x: { at: x, ld: width },
      y: { at: y, ld },
      accumulate,
      gemm: thread.narrowGemm,
      ...range,
    });
  }
}

/** Columns [from, to) of a layer's bias and adapter, added to y; `low` is scratch. */
export function corrections(
  { gemm, kernels }: Thread,
  { bias, lora }: HeapLinear,
  { from, to }: Pick<Block, "from" | "to">,
  { x, rows, width }: Input,
  { y, ld, low }: { y: number; ld: number; low: number },
): void {
  if (to <= from) return;
  if (bias) kernels.addBias(y, ld, bias.address + from * 4, rows, to - from);
  if (lora) {
    const { a, b, scale } = lora, rank = a.shape[0];
    gemm(false, true, rows, rank, width, x, width, a.address, width, low, rank, false);
    kernels.scaleInPlace(low, rows * rank, scale);
    gemm(false, true, rows, to - from, rank, low, rank, b.address + from * rank * 4, rank, y, ld, true);
  }
}

/** A block's columns of y = x·Wᵀ with bias and adapter. */
export function columns(
  thread: Thread,
  linear: HeapLinear,
  block: Block,
  input: Input,
  place: { y: number; ld: number; low: number },
): void {
  if (block.to <= block.from) return;
  product(thread, block, input, place.y, place.ld);
  corrections(thread, linear, block, input, place);
}
