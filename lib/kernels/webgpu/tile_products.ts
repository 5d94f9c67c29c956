import { tileLoading } from "./tile_loading.ts";
import { letters, type TilePlan } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/** Four of inner: vectors of both tiles from memory, and their products, added to the registers. */
function fourOfInner(plan: TilePlan, s: number): string {
  const { a, b, blocks, side, transposeA, transposeB, rowOf, columnOf, double } = plan;
  const from = (tile: "A" | "B", place: string) => `tile${tile}[${double ? `copy${tile} + ` : ""}${place}]`;
  const factor = (block: number, i: number, kk: number) =>
    transposeA ? `a${block}_${kk}.${letters[i]}` : `a${block}_${i}.${letters[kk]}`;
  const vectors = (text: (block: number, i: number) => string) =>
    unrolled(blocks * 4, (n) => text(n >> 2, n & 3));
  return `{
      ${
    vectors((block, i) =>
      transposeA
        ? `let a${block}_${i} = ${from("A", `${(s * 4 + i) * a.perLine + block * side} + y`)};`
        : `let a${block}_${i} = ${from("A", a.place(rowOf(block, i), `${s}`, "turnA"))};`
    )
  }
      ${
    vectors((block, j) =>
      transposeB
        ? `let t${block}_${j} = ${from("B", b.place(columnOf(block, j), `${s}`, "turnB"))};`
        : `let b${block}_${j} = ${from("B", `${(s * 4 + j) * b.perLine + block * side} + x`)};`
    )
  }
      ${
    transposeB
      ? vectors((block, kk) =>
        `let b${block}_${kk} = vec4<f32>(${
          [0, 1, 2, 3].map((j) => `t${block}_${j}.${letters[kk]}`).join(", ")
        });`
      )
      : ""
  }
      ${
    unrolled(blocks * 4 * blocks * 4, (n) => {
      const kk = n & 3, right = (n >> 2) % blocks, line = Math.floor((n >> 2) / blocks);
      return `c${line * blocks + right} += ${factor(line >> 2, line & 3, kk)} * b${right}_${kk};`;
    })
  }
    }`;
}

/**
 * Adds the products with the chosen b, from `first` to `last` of inner, to the registers `c0`, `c1`, … While a depth is multiplied
 * the next one is on its way from memory.
 */
export function tileProducts(plan: TilePlan): string {
  const { a, b, depth, double } = plan, loading = tileLoading(plan);
  const products = unrolled(depth / 4, (s) => fourOfInner(plan, s));
  const fetchFollowing = `
    if (k + ${depth} < last) {
      let following = k + ${depth};
      ${loading.fetch("following")}
    }`;
  const begin = `
  ${loading.declare}
  ${loading.fetch("first")}`;
  if (!double) {
    return `${begin}
  for (var k = first; k < last; k += ${depth}) {
    ${loading.store()}
    workgroupBarrier();
    ${fetchFollowing}
    ${products}
    workgroupBarrier();
  }`;
  }
  return `${begin}
  var copy = 0;
  let turnA = ${a.turn("y")};
  let turnB = ${b.turn("x")};
  ${loading.store("copy")}
  workgroupBarrier();
  for (var k = first; k < last; k += ${depth}) {
    ${fetchFollowing}
    let copyA = copy * ${a.vectors};
    let copyB = copy * ${b.vectors};
    ${products}
    copy = 1 - copy;
    if (k + ${depth} < last) {
      ${loading.store("copy")}
    }
    workgroupBarrier();
  }`;
}
