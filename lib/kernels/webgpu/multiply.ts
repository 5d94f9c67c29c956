/**
 * Matrix products on WebGPU. Stock tfjs-webgpu has good tiles for plain products only in shapes that its heuristics like; these
 * take every transpose and batch, write into a part of a buffer, add to what is there, read weights of 16, 8 and 4 bits, and do several
 * products of one input in one launch. A few rows go by a kernel of their own, which reads each weight once and splits inner over lanes.
 */
import { bindableRows, type Rows, rowsOf } from "./binding.ts";
import { activeDevice } from "./command_stream.ts";
import { storageOf } from "./matrix_storage.ts";
import { fewRows, multiplyFewRows } from "./multiply_few_rows.ts";
import { multiplyTiles } from "./multiply_tiles.ts";
import { type Product, settled, type SettledFactor, type SettledProduct, storedWidth } from "./product.ts";

export type { Factor, Product } from "./product.ts";

/**
 * Records the product: one launch, two where inner is split over workgroups, and one more for each further part of a `b` that the
 * adapter cannot bind whole.
 * @throws {RangeError} when packed weights are not aligned
 */
export function multiply(product: Product): void {
  const whole = settled(product), { factors, transposeA, transposeB, sum, accumulate } = whole;
  const slices = slicesOf(whole), alike = new Set(factors.map(({ b }) => storageOf(b).key)).size === 1;
  if (isWhole(slices) && fewRows(whole)) return multiplyFewRows([whole]);
  if (isWhole(slices) && alike) return multiplyTiles(whole);
  let fresh = !accumulate;
  for (const { factor, stored, parts } of slices) {
    for (const [index, rows] of parts.entries()) {
      const b = rowsOf(factor.b, rows, stored), { firstA, firstOut, bias } = factor;
      const own = transposeB
        ? { b, columns: rows.count, firstOut: firstOut + rows.first, bias: bias && rowsOf(bias, rows, 1) }
        : { b, inner: rows.count, bias: index ? undefined : bias };
      const part = {
        ...whole,
        // parts of inner add up; a transposed a has them as rows
        ...(transposeA && !transposeB ? { a: rowsOf(product.a, rows, whole.widthA) } : {}),
        factors: [{ ...factor, ...own, firstA: firstA + (transposeA || transposeB ? 0 : rows.first) }],
        accumulate: !fresh || (!transposeB && index > 0),
      };
      if (fewRows(part)) multiplyFewRows([part]);
      else multiplyTiles(part);
    }
    if (sum) fresh = false;
  }
}

/**
 * Records products of one `a`, whose rows and width are the same in all of them: one launch where there are few rows and the adapter
 * binds all that they need at once, else as {@linkcode multiply} does one after the other.
 */
export function multiplyTogether(products: readonly Product[]): void {
  const whole = products.map(settled);
  const buffers = whole.reduce(
    (sum, { factors }) => sum + 1 + factors.length + factors.filter(({ bias }) => bias).length,
    1,
  );
  const fits = buffers <= activeDevice().limits.maxStorageBuffersPerShaderStage;
  if (fits && whole.every((product) => fewRows(product) && isWhole(slicesOf(product)))) {
    multiplyFewRows(whole);
  } else for (const product of products) multiply(product);
}

/** A factor in the parts of its b that the adapter binds at once. */
interface Slices {
  factor: SettledFactor;
  /** Elements of a row in memory. */
  stored: number;
  parts: Rows[];
}

function slicesOf({ factors, transposeB, batch }: SettledProduct): Slices[] {
  return factors.map((factor) => {
    const lines = transposeB ? factor.columns : factor.inner, stored = storedWidth(factor);
    return { factor, stored, parts: batch > 1 ? [{ first: 0, count: lines }] : bindableRows(lines, stored) };
  });
}

const isWhole = (slices: readonly Slices[]) => slices.every(({ parts }) => parts.length === 1);
