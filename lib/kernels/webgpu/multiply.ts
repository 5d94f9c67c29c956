/**
 * Matrix products on WebGPU. Stock tfjs-webgpu has good tiles for plain products only in shapes that its heuristics like; these
 * take every transpose and batch, write into a part of a buffer, add to what is there, read weights of 16, 8 and 4 bits, and do several
 * products of one input in one launch. A few rows go by a kernel of their own, which reads each weight once and splits inner over lanes.
 */
import { bindableRows, rowsOf } from "./binding.ts";
import { storageOf } from "./matrix_storage.ts";
import { fewRows, multiplyFewRows } from "./multiply_few_rows.ts";
import { multiplyTiles } from "./multiply_tiles.ts";
import { type Product, settled, type SettledProduct, storedWidth } from "./product.ts";

export type { Factor, Product } from "./product.ts";

/**
 * Records the product: one launch, two where inner is split over workgroups, and one more for each further part of a `b` that the
 * adapter cannot bind whole.
 * @throws {RangeError} when packed weights are not aligned
 */
export function multiply(product: Product): void {
  const whole = settled(product), { factors, transposeA, transposeB, batch, sum, accumulate } = whole;
  const slices = factors.map((factor) => {
    const lines = transposeB ? factor.columns : factor.inner, stored = storedWidth(factor);
    return { factor, stored, parts: batch > 1 ? [{ first: 0, count: lines }] : bindableRows(lines, stored) };
  });
  const alike = factors.every(({ b }) => storageOf(b).key === storageOf(factors[0].b).key);
  if (alike && slices.every(({ parts }) => parts.length === 1)) return record(whole);
  let fresh = !accumulate;
  for (const { factor, stored, parts } of slices) {
    for (const [index, rows] of parts.entries()) {
      const b = rowsOf(factor.b, rows, stored), { firstA, firstOut, bias } = factor;
      const own = transposeB
        ? { b, columns: rows.count, firstOut: firstOut + rows.first, bias: bias && rowsOf(bias, rows, 1) }
        : { b, inner: rows.count, bias: index ? undefined : bias };
      record({
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

function record(product: SettledProduct): void {
  if (fewRows(product)) multiplyFewRows(product);
  else multiplyTiles(product);
}
