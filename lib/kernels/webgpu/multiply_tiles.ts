/**
 * Products of many rows: tiles in workgroup memory, 4 × 4 or 8 × 8 results an invocation in registers, loads of four floats where
 * rows are aligned. The kernel's text comes in three parts: loading tiles, their products, and the epilogue.
 */
import { part } from "./binding.ts";
import { addPartials } from "./add_partials.ts";
import { factorInts, factorReads, factorScales } from "./factor_bindings.ts";
import { storageOf } from "./matrix_storage.ts";
import { columnsOf, type SettledProduct } from "./product.ts";
import { launch, output } from "./program.ts";
import { tileEpilogue } from "./tile_epilogue.ts";
import { tileDeclarations } from "./tile_loading.ts";
import { chosenFactor, type TilePlan, tilePlan, type Tiling, type TilingName, tilings } from "./tile_plan.ts";
import { tileProducts } from "./tile_products.ts";
import { unrolled } from "./unrolled.ts";

/** What the largest products take: `large_double` where a card's figures say so. */
const largest: TilingName = "large";

/** The largest tiles that still give the card's processors enough workgroups to be busy. */
function chooseTiling(rows: number, columns: number, batch: number): TilingName {
  const groups = ({ side, blocks }: Tiling) =>
    Math.ceil(rows / (side * blocks * 4)) * Math.ceil(columns / (side * blocks * 4)) * batch;
  return groups(tilings[largest]) >= 256 ? largest : groups(tilings.middle) >= 128 ? "middle" : "small";
}

/**
 * Workgroups that walk parts of inner, where rows and columns alone give too few of them; 1 where their sum would cost more than it
 * gains.
 */
function partsOfInner({ factors, batch }: SettledProduct, groups: number): number {
  const inner = Math.max(...factors.map(({ inner }) => inner));
  return batch > 1 || groups >= 64
    ? 1
    : Math.max(1, Math.min(Math.ceil(128 / groups), Math.floor(inner / 256), 32));
}

function body(plan: TilePlan): string {
  const { side, size, blocks, factors, sum } = plan, products = tileProducts(plan);
  // parts are whole depths, so that no tile goes past the end of its own
  const range = `
  let stretch = ((inner + u.parts - 1) / u.parts + ${plan.depth - 1}) / ${plan.depth} * ${plan.depth};
  let first = place * stretch;
  let last = min(inner, first + stretch);`;
  return `
  let x = lane % ${side};
  let y = lane / ${side};
  var firstColumn = (group % u.across) * ${size};
  let firstRow = ((group / u.across) % u.down) * ${size};
  let place = group / u.across / u.down % u.parts;
  let item = group / u.across / u.down / u.parts;
  ${
    sum
      ? ""
      : unrolled(factors - 1, (i) =>
        `if (chosen == ${i} && firstColumn >= u.tiles${i} * ${size}) { chosen = ${
          i + 1
        }; firstColumn -= u.tiles${i} * ${size}; }`)
  }
  var columns = u.columns0;
  var inner = u.inner0;
  var base_a = item * u.stepA + u.firstA0;
  var base_b = item * u.stepB + u.firstB0;
  var width_b = u.widthB0;
  let base_out = (item * u.parts + place) * u.rows * u.widthOut;
  var base = base_out + u.firstOut0;
  var scale = u.scale0;
  ${unrolled(blocks * 4 * blocks, (i) => `var c${i} = vec4<f32>(0.0);`)}
  ${
    factors === 1 ? range + products : sum
      ? `for (chosen = 0; chosen < ${factors}; chosen++) {
  ${
        chosenFactor(factors, (i) =>
          `inner = u.inner${i}; base_a = u.firstA${i}; base_b = u.firstB${i}; width_b = u.widthB${i};`)
      }
  ${range}
  ${products}
  }`
      : `${
        chosenFactor(
          factors,
          (i) =>
            `columns = u.columns${i}; inner = u.inner${i}; base_a = u.firstA${i}; base_b = u.firstB${i}; width_b = u.widthB${i}; base = base_out + u.firstOut${i}; scale = u.scale${i};`,
        )
      }
  ${range}
  ${products}`
  }
  ${tileEpilogue(plan)}`;
}

/**
 * Records the product in one launch, two where inner is in parts; `name` forces a tiling.
 * @throws {RangeError} when packed weights are not aligned
 */
export function multiplyTiles(
  product: SettledProduct,
  name: TilingName = chooseTiling(product.rows, columnsOf(product), product.batch),
): void {
  const columns = columnsOf(product);
  const { side, blocks } = tilings[name], size = side * blocks * 4, { factors, rows, sum } = product;
  const tiles = factors.map(({ columns }) => Math.ceil(columns / size));
  const across = sum ? tiles[0] : tiles.reduce((total, count) => total + count, 0);
  const parts = partsOfInner(product, across * Math.ceil(rows / size));
  if (parts === 1) return record(product, name, { tiles, across, parts });
  const partials = output([parts, rows, columns]);
  let firstOut = 0;
  const apart = factors.map((factor) => {
    const own = { ...factor, firstOut: sum ? 0 : firstOut, scale: 1, bias: undefined };
    firstOut += factor.columns;
    return own;
  });
  const whole = { ...product, factors: apart, out: partials, widthOut: columns, accumulate: false };
  record(whole, name, { tiles, across, parts });
  addPartials(partials, parts, product);
  partials.dispose();
}

function record(
  product: SettledProduct,
  name: TilingName,
  { tiles, across, parts }: { tiles: number[]; across: number; parts: number },
): void {
  const { a, factors, out, rows, widthA, widthOut, transposeA, transposeB, batch, sum, accumulate } = product;
  const storage = storageOf(factors[0].b), plan = tilePlan(product, tilings[name], storage);
  const { size, fourA, fourB, fourOut, biased } = plan, down = Math.ceil(rows / size);
  if (storage.kind !== "float32" && !fourB) {
    throw new RangeError(
      `multiplying by packed weights needs rows that are multiples of 4, got ${
        factors.map(({ inner, columns }) => transposeB ? inner : columns)
      }`,
    );
  }
  launch({
    key: `multiply/${name}/${storage.key}/${
      [transposeA, transposeB, fourA, fourB, fourOut, accumulate, sum, ...biased].map(Number)
    }`,
    workgroupSize: plan.threads,
    groups: batch * parts * down * across,
    flop: factors.reduce((flop, { columns, inner }) => flop + 2 * batch * rows * columns * inner, 0),
    reads: {
      a: { ...part(a), lanes: fourA ? 4 : 1 },
      ...factorReads(factors, () => fourB && storage.kind === "float32" ? 4 : 1),
    },
    writes: { out: { ...part(out), lanes: fourOut ? 4 : 1 } },
    ints: {
      rows,
      across,
      down,
      parts,
      stepA: product.sharedA ? 0 : widthA * (transposeA ? factors[0].inner : rows),
      stepB: product.sharedB ? 0 : factors[0].columns * factors[0].inner,
      widthA,
      widthOut,
      ...factorInts(factors, { tiles }),
    },
    floats: factorScales(factors),
    declarations: () => tileDeclarations(plan),
    body: () => body(plan),
  });
}
