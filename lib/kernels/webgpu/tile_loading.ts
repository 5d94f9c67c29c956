import { readFour } from "./matrix_reader.ts";
import { float32 } from "./matrix_storage.ts";
import type { TilePlan } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/** The tiles in workgroup memory, and functions that read four neighbours of a matrix. */
export function tileDeclarations(plan: TilePlan): string {
  const { size, depth, strideA, strideB, transposeA, transposeB, factors, storage, fourA, fourB } = plan;
  return `
var<workgroup> tileA: array<vec4<f32>, ${(transposeA ? depth : size) * strideA}>;
var<workgroup> tileB: array<vec4<f32>, ${(transposeB ? size : depth) * strideB}>;
var<private> chosen: i32 = 0;
${readFour("a", float32, fourA)}
${unrolled(factors, (i) => readFour(`b${i}`, storage, fourB))}
fn read_b(base: i32, major: i32, minor: i32, majors: i32, minors: i32, width: i32) -> vec4<f32> {
  ${
    unrolled(
      factors - 1,
      (i) => `if (chosen == ${i}) { return read_b${i}(base, major, minor, majors, minors, width); }`,
    )
  }
  return read_b${factors - 1}(base, major, minor, majors, minors, width);
}`;
}

/** Fills both tiles with the next `depth` of inner, from `k` on. */
export function loadTiles(plan: TilePlan): string {
  const { size, depth, threads, strideA, strideB, transposeA, transposeB } = plan;
  const load = (
    { name, tile, stride, inRows, first, limits }: {
      name: string;
      tile: string;
      stride: number;
      /** Lines of the tile are rows of the result; otherwise they go along inner. */
      inRows: boolean;
      first: string;
      limits: string;
    },
  ) => {
    const perLine = inRows ? depth / 4 : size / 4;
    return unrolled(size * depth / 4 / threads, (turn) => `
    {
      let slot = lane + ${turn * threads};
      let major = slot / ${perLine};
      let minor = slot % ${perLine};
      ${tile}[major * ${stride} + minor] = read_${name}(base_${name}, ${
      inRows ? `${first} + major, k + minor * 4` : `k + major, ${first} + minor * 4`
    }, ${limits});
    }`);
  };
  return load({
    name: "a",
    tile: "tileA",
    stride: strideA,
    inRows: !transposeA,
    first: "firstRow",
    limits: transposeA ? "inner, u.rows, u.widthA" : "u.rows, inner, u.widthA",
  }) + load({
    name: "b",
    tile: "tileB",
    stride: strideB,
    inRows: transposeB,
    first: "firstColumn",
    limits: transposeB ? "columns, inner, width_b" : "inner, columns, width_b",
  });
}
