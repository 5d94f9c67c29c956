import { chosenFactor, letters, type TilePlan } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/** Writes the registers, scaled, with bias, or added to what is there. */
export function tileEpilogue(plan: TilePlan): string {
  const { blocks, factors, biased, accumulate, fourOut, rowOf, columnOf } = plan;
  const shifted = biased.includes(true);
  const shift = () =>
    `var shift: array<vec4<f32>, ${blocks}>;
  ${
      chosenFactor(factors, (i) =>
        biased[i]
          ? unrolled(blocks * 4, (n) => `
    { let column = firstColumn + ${columnOf(n >> 2, n & 3)};
      if (column < columns) { shift[${n >> 2}].${letters[n & 3]} = bias${i}[column]; } }`)
          : "")
    }`;
  return `${shifted ? shift() : ""}
  ${
    unrolled(blocks * 4 * blocks, (n) => {
      const right = n % blocks, line = Math.floor(n / blocks);
      const row = `let row = firstRow + ${rowOf(line >> 2, line & 3)};`,
        value = `c${n} * scale${shifted ? ` + shift[${right}]` : ""}`;
      if (fourOut) {
        return `{ ${row} let column = firstColumn + ${columnOf(right, 0)};
    if (row < u.rows && column < columns) {
      let at = (base + row * u.widthOut + column) >> 2u;
      out[at] = ${value}${accumulate ? " + out[at]" : ""};
    } }`;
      }
      return `{ ${row} let value = ${value}; ${
        unrolled(4, (j) => `
    { let column = firstColumn + ${columnOf(right, j)};
      if (row < u.rows && column < columns) {
        let at = base + row * u.widthOut + column;
        out[at] = value.${letters[j]}${accumulate ? " + out[at]" : ""};
      } }`)
      } }`;
    })
  }`;
}
