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

/** How both tiles get the next `depth` of inner: through registers, so that reading them can go on under the products before. */
export interface TileLoading {
  /** The registers. */
  declare: string;
  /** Reads what begins at `k` of inner. */
  fetch(k: string): string;
  /** Puts what was read into the tiles. */
  store: string;
}

/** The tiles' loading for a plan: an invocation's share is one or two vectors of each. */
export function tileLoading(plan: TilePlan): TileLoading {
  const { size, depth, threads, strideA, strideB, transposeA, transposeB } = plan;
  const turns = size * depth / 4 / threads;
  const both = [
    {
      name: "a",
      tile: "tileA",
      stride: strideA,
      inRows: !transposeA,
      first: "firstRow",
      limits: transposeA ? "inner, u.rows, u.widthA" : "u.rows, inner, u.widthA",
    },
    {
      name: "b",
      tile: "tileB",
      stride: strideB,
      // lines of the tile are columns of the result; otherwise they go along inner
      inRows: transposeB,
      first: "firstColumn",
      limits: transposeB ? "columns, inner, width_b" : "inner, columns, width_b",
    },
  ];
  const each = (
    text: (part: typeof both[number] & { next: string; major: string; minor: string }) => string,
  ) =>
    both.map((part) => {
      const perLine = part.inRows ? depth / 4 : size / 4;
      return unrolled(turns, (turn) => {
        const slot = `(lane + ${turn * threads})`;
        return text({
          ...part,
          next: `next_${part.name}${turn}`,
          major: `${slot} / ${perLine}`,
          minor: `${slot} % ${perLine}`,
        });
      });
    }).join("\n");
  return {
    declare: each(({ next }) => `var ${next} = vec4<f32>(0.0);`),
    fetch: (k) =>
      each(({ name, next, major, minor, inRows, first, limits }) =>
        `${next} = read_${name}(base_${name}, ${
          inRows ? `${first} + ${major}, ${k} + ${minor} * 4` : `${k} + ${major}, ${first} + ${minor} * 4`
        }, ${limits});`
      ),
    store: each(({ next, tile, stride, major, minor }) =>
      `${tile}[${major} * ${stride} + ${minor}] = ${next};`
    ),
  };
}
