import { tileLoading } from "./tile_loading.ts";
import { letters, type TilePlan } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/** Four of inner: vectors of both tiles from memory, and their products, added to the registers. */
function fourOfInner(plan: TilePlan, s: number): string {
  const { blocks, strideA, strideB, side, transposeA, transposeB, rowOf, columnOf } = plan;
  const factor = (block: number, i: number, kk: number) =>
    transposeA ? `a${block}_${kk}.${letters[i]}` : `a${block}_${i}.${letters[kk]}`;
  const vectors = (text: (block: number, i: number) => string) =>
    unrolled(blocks * 4, (n) => text(n >> 2, n & 3));
  return `{
      ${
    vectors((block, i) =>
      transposeA
        ? `let a${block}_${i} = tileA[${(s * 4 + i) * strideA + block * side} + y];`
        : `let a${block}_${i} = tileA[(${rowOf(block, i)}) * ${strideA} + ${s}];`
    )
  }
      ${
    vectors((block, j) =>
      transposeB
        ? `let t${block}_${j} = tileB[(${columnOf(block, j)}) * ${strideB} + ${s}];`
        : `let b${block}_${j} = tileB[${(s * 4 + j) * strideB + block * side} + x];`
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
  const { depth } = plan, loading = tileLoading(plan);
  return `
  ${loading.declare}
  ${loading.fetch("first")}
  for (var k = first; k < last; k += ${depth}) {
    ${loading.store}
    workgroupBarrier();
    if (k + ${depth} < last) {
      let following = k + ${depth};
      ${loading.fetch("following")}
    }
    ${unrolled(depth / 4, (s) => fourOfInner(plan, s))}
    workgroupBarrier();
  }`;
}
