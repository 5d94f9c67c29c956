/**
 * Products of many rows: tiles in workgroup memory, 4 × 4 or 8 × 8 results an invocation in registers, loads of four floats where
 * rows are aligned. The kernel's text comes in three parts: loading tiles, their products, and the epilogue.
 */
import { part } from "./binding.ts";
import { columnsOf, inHalves, type SettledProduct } from "./product.ts";
import { launch } from "./program.ts";
import { tileEpilogue } from "./tile_epilogue.ts";
import { tileDeclarations } from "./tile_loading.ts";
import { chosenFactor, type TilePlan, tilePlan, type Tiling, type TilingName, tilings } from "./tile_plan.ts";
import { tileProducts } from "./tile_products.ts";
import { unrolled } from "./unrolled.ts";

/** The largest tiles that still give the card's processors enough workgroups to be busy. */
export function chooseTiling(rows: number, columns: number, batch: number): TilingName {
  const groups = ({ side, blocks }: Tiling) =>
    Math.ceil(rows / (side * blocks * 4)) * Math.ceil(columns / (side * blocks * 4)) * batch;
  return groups(tilings.large) >= 256 ? "large" : groups(tilings.middle) >= 128 ? "middle" : "small";
}

function body(plan: TilePlan): string {
  const { side, size, blocks, factors, sum } = plan, products = tileProducts(plan);
  const range = `first = 0; last = inner;`;
  return `
  let x = lane % ${side};
  let y = lane / ${side};
  var firstColumn = (group % u.across) * ${size};
  let firstRow = ((group / u.across) % u.down) * ${size};
  let item = group / u.across / u.down;
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
  var base = item * u.rows * u.widthOut + u.firstOut0;
  var scale = u.scale0;
  var first = 0;
  var last = inner;
  ${unrolled(blocks * 4 * blocks, (i) => `var c${i} = vec4<f32>(0.0);`)}
  ${
    factors === 1 ? products : sum
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
            `columns = u.columns${i}; inner = u.inner${i}; base_a = u.firstA${i}; base_b = u.firstB${i}; width_b = u.widthB${i}; base = u.firstOut${i}; scale = u.scale${i};`,
        )
      }
  ${range}
  ${products}`
  }
  ${tileEpilogue(plan)}`;
}

/** Records the product in one launch. @throws {RangeError} when 16-bit weights are not aligned */
export function multiplyTiles(product: SettledProduct): void {
  const { a, factors, out, rows, widthA, widthOut, transposeA, transposeB, batch, sum } = product;
  const tiling = chooseTiling(rows, columnsOf(product), batch), halves = inHalves(factors[0]);
  const plan = tilePlan(product, tilings[tiling], halves),
    { size, fourA, fourB, fourOut, accumulate, biased } = plan;
  if (halves && !fourB) {
    throw new RangeError(
      `multiplying by 16-bit weights needs rows that are multiples of 4, got ${
        factors.map(({ inner, columns }) => transposeB ? inner : columns)
      }`,
    );
  }
  const tiles = factors.map(({ columns }) => Math.ceil(columns / size));
  const across = sum ? tiles[0] : tiles.reduce((sum, count) => sum + count, 0), down = Math.ceil(rows / size);
  launch({
    key: `multiply/${tiling}/${
      [transposeA, transposeB, fourA, fourB, fourOut, accumulate, sum, ...biased].map(Number)
    }`,
    workgroupSize: plan.threads,
    groups: batch * down * across,
    flop: factors.reduce((flop, { columns, inner }) => flop + 2 * batch * rows * columns * inner, 0),
    reads: {
      a: { ...part(a), lanes: fourA ? 4 : 1 },
      ...Object.fromEntries(
        factors.map(({ b }, i) => [`b${i}`, { ...part(b), lanes: fourB && !halves ? 4 : 1 } as const]),
      ),
      ...Object.fromEntries(factors.flatMap(({ bias }, i) => bias ? [[`bias${i}`, bias]] : [])),
    },
    writes: { out: { ...part(out), lanes: fourOut ? 4 : 1 } },
    ints: {
      rows,
      across,
      down,
      stepA: product.sharedA ? 0 : widthA * (transposeA ? factors[0].inner : rows),
      stepB: product.sharedB ? 0 : factors[0].columns * factors[0].inner,
      widthA,
      widthOut,
      ...Object.fromEntries(factors.flatMap(({ columns, inner, firstA, firstB, firstOut, widthB }, i) => [
        [`columns${i}`, columns],
        [`inner${i}`, inner],
        [`firstA${i}`, firstA],
        [`firstB${i}`, firstB],
        [`widthB${i}`, widthB],
        [`firstOut${i}`, firstOut],
        [`tiles${i}`, tiles[i]],
      ])),
    },
    floats: Object.fromEntries(factors.map(({ scale }, i) => [`scale${i}`, scale])),
    declarations: () => tileDeclarations(plan),
    body: () => body(plan),
  });
}
