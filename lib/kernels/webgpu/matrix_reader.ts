import type { MatrixStorage } from "./matrix_storage.ts";
import { letters } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/** Four 16-bit floats from word `at` on; bfloat16 is the upper half of a float32. */
export function fourHalves(kind: "float16" | "bfloat16", name: string, at: string): string {
  const words = [`bitcast<u32>(${name}[${at}])`, `bitcast<u32>(${name}[(${at}) + 1])`];
  return `vec4<f32>(${
    words.flatMap((word) =>
      kind === "float16"
        ? `unpack2x16float(${word})`
        : [`bitcast<f32>(${word} << 16u)`, `bitcast<f32>(${word} & 0xffff0000u)`]
    ).join(", ")
  })`;
}

/** Four bytes of a word, or four halves of its bytes from bit `shift` on, as numbers of a group. */
export function dequantised(
  { bits, group, centre, offsets }: NonNullable<MatrixStorage["quantised"]>,
  { name, word, row, column, columns, shift }: Record<
    "name" | "word" | "row" | "column" | "columns" | "shift",
    string
  >,
): string {
  const codes = `vec4<f32>((vec4<u32>(${word}) >> (vec4<u32>(0u, 8u, 16u, 24u) + ${shift})) & vec4<u32>(${
    bits === 8 ? 255 : 15
  }u))`;
  const scale = `${row} + ${columns} / ${32 / bits} + ${column} / ${group}`;
  return `bitcast<f32>(${name}[${scale}]) * (${codes} - ${centre}.0)${
    offsets ? ` + bitcast<f32>(${name}[${scale} + ${columns} / ${group}])` : ""
  }`;
}

/**
 * WGSL `read_NAME(base, major, minor, majors, minors, width)`: four neighbours of row `major` from column `minor` on, a multiple of
 * 4, zeros past the ends. `width` is a row's in memory; a quantised matrix is whole, its `minors` all of its columns.
 */
export function readFour(name: string, { kind, quantised }: MatrixStorage, vectors: boolean): string {
  const text = () => {
    if (kind === "quantised") {
      const { bits } = quantised!;
      return `let row = major * width;
    let word = bitcast<u32>(${name}[row + ${bits === 8 ? "minor / 4" : "minor / 32 * 4 + (minor & 15) / 4"}]);
    value = ${
        dequantised(quantised!, {
          name,
          word: "word",
          row: "row",
          column: "minor",
          columns: "minors",
          shift: bits === 8 ? "0u" : "((u32(minor) >> 2u) & 4u)",
        })
      };`;
    }
    const at = "let at = base + major * width + minor;\n";
    if (kind !== "float32") return `${at}value = ${fourHalves(kind, name, "at >> 1u")};`;
    if (vectors) return `${at}value = ${name}[at >> 2u];`;
    return at +
      unrolled(4, (i) => `if (minor + ${i} < minors) { value.${letters[i]} = ${name}[at + ${i}]; }`);
  };
  return `
fn read_${name}(base: i32, major: i32, minor: i32, majors: i32, minors: i32, width: i32) -> vec4<f32> {
  var value = vec4<f32>(0.0);
  if (major < majors && minor < minors) {
    ${text()}
  }
  return value;
}`;
}
