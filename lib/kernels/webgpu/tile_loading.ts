import { readFour } from "./matrix_reader.ts";
import { float32 } from "./matrix_storage.ts";
import type { TilePlan } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/** The tiles in workgroup memory, and functions that read four neighbours of a matrix. */
export function tileDeclarations(plan: TilePlan): string {
  const { a, b, double, factors, storage, fourA, fourB } = plan, copies = double ? 2 : 1;
  return `
var<workgroup> tileA: array<vec4<f32>, ${copies * a.vectors}>;
var<workgroup> tileB: array<vec4<f32>, ${copies * b.vectors}>;
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
  /** Puts what was read into the tiles, or into the copies of them that `copy` counts. */
  store(copy?: string): string;
}

/** The tiles' loading for a plan: an invocation's share is one or two vectors of each. */
export function tileLoading(plan: TilePlan): TileLoading {
  const { size, depth, threads, transposeA, transposeB } = plan;
  const turns = size * depth / 4 / threads;
  const both = [
    {
      name: "a",
      tile: "tileA",
      side: plan.a,
      first: "firstRow",
      limits: transposeA ? "inner, u.rows, u.widthA" : "u.rows, inner, u.widthA",
    },
    {
      name: "b",
      tile: "tileB",
      side: plan.b,
      first: "firstColumn",
      limits: transposeB ? "columns, inner, width_b" : "inner, columns, width_b",
    },
  ];
  const each = (
    text: (part: typeof both[number] & { next: string; major: string; minor: string }) => string,
  ) =>
    both.map((part) =>
      unrolled(turns, (turn) => {
        const slot = `(lane + ${turn * threads})`;
        return text({
          ...part,
          next: `next_${part.name}${turn}`,
          major: `${slot} / ${part.side.perLine}`,
          minor: `${slot} % ${part.side.perLine}`,
        });
      })
    ).join("\n");
  return {
    declare: each(({ next }) => `var ${next} = vec4<f32>(0.0);`),
    fetch: (k) =>
      each(({ name, next, major, minor, side, first, limits }) =>
        `${next} = read_${name}(base_${name}, ${
          side.alongInner
            ? `${first} + ${major}, ${k} + ${minor} * 4`
            : `${k} + ${major}, ${first} + ${minor} * 4`
        }, ${limits});`
      ),
    store: (copy) =>
      each(({ next, tile, side, major, minor }) =>
        `${tile}[${copy ? `${copy} * ${side.vectors} + ` : ""}${
          side.place(major, minor, side.turn(major))
        }] = ${next};`
      ),
  };
}
