import { loadTiles } from "./tile_loading.ts";
import { letters, type TilePlan } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/** Adds the products with the chosen b, from `first` to `last` of inner, to the registers `c0`, `c1`, … */
export function tileProducts(plan: TilePlan): string {
  const { blocks, depth, strideA, strideB, side, transposeA, transposeB, rowOf, columnOf } = plan;
  const factor = (block: number, i: number, kk: number) =>
    transposeA ? `a${block}_${kk}.${letters[i]}` : `a${block}_${i}.${letters[kk]}`;
  return `
  for (var k = first; k < last; k += ${depth}) {
    ${loadTiles(plan)}
    workgroupBarrier();
    for (var s = 0; s < ${depth / 4}; s++) {
      ${
    unrolled(blocks * 4, (n) => {
      const block = n >> 2, i = n & 3;
      return transposeA
        ? `let a${block}_${i} = tileA[(s * 4 + ${i}) * ${strideA} + ${block * side} + y];`
        : `let a${block}_${i} = tileA[(${rowOf(block, i)}) * ${strideA} + s];`;
    })
  }
      ${
    unrolled(blocks * 4, (n) => {
      const block = n >> 2, j = n & 3;
      return transposeB
        ? `let t${block}_${j} = tileB[(${columnOf(block, j)}) * ${strideB} + s];`
        : `let b${block}_${j} = tileB[(s * 4 + ${j}) * ${strideB} + ${block * side} + x];`;
    })
  }
      ${
    transposeB
      ? unrolled(blocks * 4, (n) => {
        const block = n >> 2, kk = n & 3;
        return `let b${block}_${kk} = vec4<f32>(${
          [0, 1, 2, 3].map((j) => `t${block}_${j}.${letters[kk]}`).join(", ")
        });`;
      })
      : ""
  }
      ${
    unrolled(blocks * 4 * blocks * 4, (n) => {
      const kk = n & 3,
        right = (n >> 2) % blocks,
        line = Math.floor((n >> 2) / blocks),
        block = line >> 2,
        i = line & 3;
      return `c${line * blocks + right} += ${factor(block, i, kk)} * b${right}_${kk};`;
    })
  }
    }
    workgroupBarrier();
  }`;
}
