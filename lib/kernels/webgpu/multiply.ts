/**
 * Matrix products on WebGPU. Stock tfjs-webgpu has good tiles for plain products only in shapes that its heuristics like; these
 * take every transpose and batch, write into a part of a buffer, add to what is there, read 16-bit weights, and do several products
 * of one input in one launch.
 */
import { bindableRows, rowsOf } from "./binding.ts";
import { multiplyTiles } from "./multiply_tiles.ts";
import { inHalves, type Product, settled } from "./product.ts";

export type { Factor, Product } from "./product.ts";

/**
 * Records the product: one launch, and one more for each further part of a `b` that the adapter cannot bind whole.
 * @throws {RangeError} when 16-bit weights are not aligned
 */
export function multiply(product: Product): void {
  const whole = settled(product), { factors, transposeA, transposeB, batch, sum, accumulate } = whole;
  const slices = factors.map((factor) => {
    const lines = transposeB ? factor.columns : factor.inner,
      stored = factor.widthB / (inHalves(factor) ? 2 : 1);
    return { factor, stored, parts: batch > 1 ? [{ first: 0, count: lines }] : bindableRows(lines, stored) };
  });
  const alike = factors.every((factor) => inHalves(factor) === inHalves(factors[0]));
  if (alike && slices.every(({ parts }) => parts.length === 1)) return multiplyTiles(whole);
  let fresh = !accumulate;
  for (const { factor, stored, parts } of slices) {
    for (const [index, rows] of parts.entries()) {
      const b = rowsOf(factor.b, rows, stored), { firstA, firstOut, bias } = factor;
      const own = transposeB
        ? { b, columns: rows.count, firstOut: firstOut + rows.first, bias: bias && rowsOf(bias, rows, 1) }
        : { b, inner: rows.count, bias: index ? undefined : bias };
      multiplyTiles({
        ...whole,
        // parts of inner add up; a transposed a has them as rows
        ...(transposeA && !transposeB ? { a: rowsOf(product.a, rows, whole.widthA) } : {}),
        factors: [{ ...factor, ...own, firstA: firstA + (transposeA || transposeB ? 0 : rows.first) }],
        accumulate: !fresh || (!transposeB && index > 0),
      });
    }
    if (sum) fresh = false;
  }
}
