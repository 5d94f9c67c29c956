import type { AttentionPlan } from "./attention_plan.ts";
import { letters } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/** Invocations of a workgroup; keys (or query rows) that its own rows (or keys) meet at once; what of the head, and of them, a tile holds. */
const threads = 256, others = 64, depth = 16;

/** Rows of a tensor [rows, headDim], as WGSL: which of them stands at place `i`, -1 for none. */
export interface TileRows {
  name: string;
  row(i: string): string;
}

/** Query rows of the key head `kv` in the span at hand. */
export const queryRows = (name: string): TileRows => ({
  name,
  row: (i) => `select(-1, row_index(kv, ${i}), ${i} < span.rows)`,
});

/** Keys, or values, before `end` that the span at hand sees. */
export const keyRows = (name: string): TileRows => ({
  name,
  row: (i) => `select(-1, key_index(kv, ${i}), ${i} < end)`,
});

/** Parts of a kernel's text. */
export interface AttentionTiles {
  workgroupSize: number;
  /** Vectors `${prefix}0`, … that an invocation has of the products: each of its four own rows with one of the others. */
  columns: number;
  declarations: string;
  /** What the body begins with. */
  place: string;
  /** WGSL of own row `i` of the four, counted from `first`; and of the other that column `j` stands for, from `block` on. */
  own(i: number): string;
  other(j: number): string;
  /** Declares results and adds own · others, along the head, to them. */
  products(result: string, own: TileRows, others: TileRows): string;
  /** Declares an invocation's part of [own, headDim]. */
  sums(name: string): string;
  /** Multiplies it by a vector, a number a row. */
  scale(name: string, by: string): string;
  /** Adds Σ over the others of weight · row. */
  addWeighted(name: string, weights: string, others: TileRows): string;
  /** Writes it, times `by`, to the rows of `to`. */
  store(name: string, to: TileRows, by?: string): string;
  /** Joins a vector with those of all invocations that share its rows; `text` of two is their sum, or the larger. */
  acrossOthers(name: string, text: (a: string, b: string) => string): string;
}

/**
 * Attention in tiles, as training and prompts need it: a workgroup has `own` query rows (or keys) and meets 64 keys (or query rows) at a
 * time. Both come through workgroup memory, 13 KB of it whatever the head's size: a piece of the head at a time for their products,
 * then sixteen of the others at a time for the weighted sums. An invocation has four own rows, as the parts of its vectors.
 */
export function attentionTiles({ headDim, lanes }: AttentionPlan, own: 64 | 32): AttentionTiles {
  const down = own / 4, across = threads / down, columns = others / across, line = down + 1;
  const width = headDim > 64 ? 128 : 64, chunks = Math.ceil(headDim / width), vectors = width / 4 / across;
  const sums = (text: (r: number, chunk: number, v: number) => string) =>
    unrolled(4, (r) => unrolled(chunks, (chunk) => unrolled(vectors, (v) => text(r, chunk, v))));
  /** Reads four of a row, from column `d` on, into a tile. */
  const load = (tile: string, at: string, { name, row }: TileRows, i: string, d: string) =>
    `{ let row = ${row(i)}; let d = ${d}; var four = vec4<f32>(0.0);
      if (row >= 0 && d < ${headDim}) { ${
      lanes === 4
        ? `four = ${name}[(row * ${headDim} + d) / 4];`
        : unrolled(4, (i) =>
          `if (d + ${i} < ${headDim}) { four.${letters[i]} = ${name}[row * ${headDim} + d + ${i}]; }`)
    } }
      ${tile}[${at}] = four; }`;
  return {
    workgroupSize: threads,
    columns,
    declarations: `
var<workgroup> left: array<vec4<f32>, ${Math.max(own * (depth / 4 + 1), across * line)}>;
var<workgroup> right: array<vec4<f32>, ${Math.max(others * (depth / 4 + 1), depth * width / 4)}>;`,
    place: `
  let x = lane % ${across};
  let y = lane / ${across};`,
    own: (i) => `(first + y * 4 + ${i})`,
    other: (j) => `(block + x + ${across * j})`,
    products: (result, ownRows, otherRows) => `
    ${unrolled(columns, (j) => `var ${result}${j} = vec4<f32>(0.0);`)}
    for (var piece = 0; piece < ${headDim}; piece += ${depth}) {
      workgroupBarrier();
      ${own < others ? `if (lane < ${own * depth / 4}) ` : ""}${
      load(
        "left",
        `lane / 4 * ${depth / 4 + 1} + lane % 4`,
        ownRows,
        "first + lane / 4",
        "piece + lane % 4 * 4",
      )
    }
      ${
      load(
        "right",
        `lane / 4 * ${depth / 4 + 1} + lane % 4`,
        otherRows,
        "block + lane / 4",
        "piece + lane % 4 * 4",
      )
    }
      workgroupBarrier();
      ${
      unrolled(depth / 4, (s) =>
        `{
        ${unrolled(4, (i) => `let a${i} = left[(y * 4 + ${i}) * ${depth / 4 + 1} + ${s}];`)}
        ${
          unrolled(columns, (j) =>
            `{ let b = right[(x + ${across * j}) * ${depth / 4 + 1} + ${s}];
          ${result}${j} += vec4<f32>(dot(a0, b), dot(a1, b), dot(a2, b), dot(a3, b)); }`)
        }
      }`)
    }
    }`,
    sums: (name) => sums((r, chunk, v) => `var ${name}${r}_${chunk}_${v} = vec4<f32>(0.0);`),
    scale: (name, by) => sums((r, chunk, v) => `${name}${r}_${chunk}_${v} *= ${by}.${letters[r]};`),
    addWeighted: (name, weights, otherRows) => `
    for (var slice = 0; slice < ${others / depth}; slice++) {
      var weighted = ${weights}0;
      ${
      unrolled(columns - 1, (j) =>
        `if (slice >= ${(j + 1) * across / depth}) { weighted = ${weights}${j + 1}; }`)
    }
      workgroupBarrier();
      ${
      across > depth ? `if (x / ${depth} == slice % ${across / depth}) ` : ""
    }{ left[x % ${depth} * ${line} + y] = weighted; }
      ${
      unrolled(chunks, (chunk) => `
      ${chunk > 0 ? "workgroupBarrier();" : ""}
      ${
        unrolled(depth * width / 4 / threads, (turn) =>
          load(
            "right",
            `lane + ${turn * threads}`,
            otherRows,
            `block + slice * ${depth} + (lane + ${turn * threads}) / ${width / 4}`,
            `${chunk * width} + (lane + ${turn * threads}) % ${width / 4} * 4`,
          ))
      }
      workgroupBarrier();
      for (var k = 0; k < ${depth}; k += 4) {
        ${
        unrolled(4, (kk) =>
          `{
          let weight = left[(k + ${kk}) * ${line} + y];
          ${
            unrolled(vectors, (v) =>
              `{ let value = right[(k + ${kk}) * ${width / 4} + ${v * across} + x];
            ${unrolled(4, (r) => `${name}${r}_${chunk}_${v} += weight.${letters[r]} * value;`)} }`)
          }
        }`)
      }
      }`)
    }
    }`,
    store: (name, { name: to, row }, by) =>
      unrolled(4, (r) =>
        `{
    let row = ${row(`(first + y * 4 + ${r})`)};
    if (row >= 0) {
      ${
          unrolled(chunks, (chunk) =>
            unrolled(vectors, (v) => {
              const value = `${name}${r}_${chunk}_${v}${by ? ` * ${by}.${letters[r]}` : ""}`;
              const column = `${chunk * width} + (${v * across} + x) * 4`;
              return lanes === 4
                ? `if (${column} < ${headDim}) { ${to}[(row * ${headDim} + ${column}) / 4] = ${value}; }`
                : `{ let value = ${value}; ${
                  unrolled(4, (i) =>
                    `if (${column} + ${i} < ${headDim}) { ${to}[row * ${headDim} + ${column} + ${i}] = value.${
                      letters[i]
                    }; }`)
                } }`;
            }))
        }
    }
  }`),
    acrossOthers: (name, text) => `
    workgroupBarrier();
    left[x * ${line} + y] = ${name};
    workgroupBarrier();
    ${name} = left[y];
    ${unrolled(across - 1, (e) => `${name} = ${text(name, `left[${(e + 1) * line} + y]`)};`)}`,
  };
}
