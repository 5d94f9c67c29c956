import type { Binding } from "./binding.ts";
import { storageOf } from "./matrix_storage.ts";

/** One product of several: the right side, and where it lies in the left side and in the result. */
export interface Factor {
  /** Of int32: pairs of 16-bit floats, rows multiples of 4, or what `quantisedTensor` makes, whole rows. */
  b: Binding;
  columns: number;
  inner: number;
  /** The first column of a (row, where a is transposed its column too) that it takes. @default 0 */
  firstA?: number;
  /** The first column of `out` that it gives. @default 0 */
  firstOut?: number;
  /** The first column of b that it takes, and the width of b's rows in memory. @default 0 and all */
  firstB?: number;
  widthB?: number;
  /** Added to every row. [columns] */
  bias?: Binding;
  /** The product is multiplied by this; not in a sum. @default 1 */
  scale?: number;
}

/** out = a·b, or out += a·b: plain row-major matrices, [rows, inner] and [inner, columns] after transposing. */
export interface Product {
  a: Binding;
  /** One product, or several of one a: side by side in `out`, or all added up in the same columns where `sum` is set. */
  factors: readonly Factor[];
  out: Binding;
  rows: number;
  /** The products add up. @default false */
  sum?: boolean;
  /** a is stored [inner, rows]. @default false */
  transposeA?: boolean;
  /** b is stored [columns, inner]. @default false */
  transposeB?: boolean;
  /** Of one factor. @default 1 */
  batch?: number;
  /** One a serves the whole batch. @default false */
  sharedA?: boolean;
  /** One b serves the whole batch. @default false */
  sharedB?: boolean;
  /** Add to `out`. @default false */
  accumulate?: boolean;
  /** Width of a's rows in memory. @default the first factor's inner, or rows where a is transposed */
  widthA?: number;
  /** Width of out's rows in memory. @default the first factor's columns */
  widthOut?: number;
}

/** A factor with its defaults. */
export type SettledFactor = Required<Omit<Factor, "bias">> & Pick<Factor, "bias">;

/** A product with its defaults: what the kernels take. */
export type SettledProduct = Required<Omit<Product, "factors">> & { factors: readonly SettledFactor[] };

/** Fills the defaults in. */
export function settled(product: Product): SettledProduct {
  const { transposeA = false, transposeB = false } = product;
  const factors = product.factors.map((factor) => ({
    firstA: 0,
    firstB: 0,
    firstOut: 0,
    widthB: transposeB ? factor.inner : factor.columns,
    scale: 1,
    ...factor,
  }));
  return {
    sum: false,
    batch: 1,
    sharedA: false,
    sharedB: false,
    accumulate: false,
    widthA: transposeA ? product.rows : factors[0].inner,
    widthOut: factors[0].columns,
    ...product,
    transposeA,
    transposeB,
    factors,
  };
}

/** Elements of a row of b in memory. */
export function storedWidth({ b, widthB }: SettledFactor): number {
  return storageOf(b).stored(widthB);
}

/** From one row of b to the next as kernels count: in numbers, in words where it is quantised. */
export function rowStep(factor: SettledFactor): number {
  return storageOf(factor.b).kind === "quantised" ? storedWidth(factor) : factor.widthB;
}

/** Columns of the result that the factors give. */
export function columnsOf({ sum, factors }: SettledProduct): number {
  return sum ? factors[0].columns : factors.reduce((total, { columns }) => total + columns, 0);
}
