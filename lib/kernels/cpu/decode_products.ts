/** The matrix products of decoding, by blocks of the weights: on the BLAS's inner kernels where the plan is packed. */
import type { Block, Buffers, DecodePlan, LinearPlan } from "./decode_plan.ts";
import type { Thread } from "./pool.ts";

/** Brings all blocks of a chunk into the inner kernels' order. */
export function pack({ packed }: Thread, { blocks }: Buffers, chunk: number) {
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
export function columns(
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
