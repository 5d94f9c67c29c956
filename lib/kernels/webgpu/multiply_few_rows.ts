/**
 * Products of at most eight rows with weights stored [columns, inner], as decoding needs them: they cost what reading the weights
 * costs. A team of lanes takes four columns and walks inner side by side, each lane whole words, for all rows at once; the lanes' sums
 * meet in workgroup memory, in order. One launch may give several results of one input, from weights that are kept in different ways: a
 * layer's, and the low-rank products of its adapter beside it.
 */
import { part } from "./binding.ts";
import { factorInts, factorReads, factorScales } from "./factor_bindings.ts";
import { dequantised, fourHalves } from "./matrix_reader.ts";
import { type MatrixStorage, storageOf } from "./matrix_storage.ts";
import type { SettledProduct } from "./product.ts";
import { launch } from "./program.ts";
import { chosenFactor } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/** Rows at once, columns a team, lanes a workgroup. */
const mostRows = 8, columnsATeam = 4, lanes = 64;

/** Whether {@linkcode multiplyFewRows} takes the product. */
export function fewRows(
  { rows, factors, transposeA, transposeB, batch, sum, widthA }: SettledProduct,
): boolean {
  const aligned = [
    widthA,
    ...factors.flatMap(({ inner, firstA, firstB, widthB }) => [inner, firstA, firstB, widthB]),
  ];
  return rows <= mostRows && transposeB && !transposeA && batch === 1 && !sum &&
    aligned.every((number) => number % 4 === 0);
}

/** Vectors of four that a lane gets of one load, as `w0`, `w1` from row `row`, and their places in the input as `p0`, `p1`. */
function loads(name: string, { kind, quantised }: MatrixStorage) {
  if (kind === "float32") {
    return { vectors: 1, places: "let p0 = unit;", text: `let w0 = ${name}[(row >> 2u) + unit];` };
  }
  if (kind !== "quantised") {
    return {
      vectors: 1,
      places: "let p0 = unit;",
      text: `let w0 = ${fourHalves(kind, name, "row / 2 + 2 * unit")};`,
    };
  }
  const { bits } = quantised!,
    numbers = (shift: string) =>
      dequantised(quantised!, {
        name,
        word: "word",
        row: "row",
        column: `unit * ${32 / bits}`,
        columns: "inner",
        shift,
      });
  const word = `let word = bitcast<u32>(${name}[row + unit]);`;
  return bits === 8 ? { vectors: 1, places: "let p0 = unit;", text: `${word} let w0 = ${numbers("0u")};` } : {
    vectors: 2,
    // a word of a block of 32 has four numbers of its first half and four of its second
    places: "let p0 = unit / 4 * 8 + unit % 4; let p1 = p0 + 4;",
    text: `${word} let w0 = ${numbers("0u")}; let w1 = ${numbers("4u")};`,
  };
}

/** Records products of one input in one launch: `a`, its width and the rows are the first's. */
export function multiplyFewRows(products: readonly SettledProduct[]): void {
  const { a, rows, widthA } = products[0], factors = products.flatMap(({ factors }) => factors);
  const storages = factors.map(({ b }) => storageOf(b));
  /** The product that a factor belongs to. */
  const targets = products.flatMap(({ factors }, place) => factors.map(() => place));
  const height = [1, 4, mostRows].find((height) => rows <= height)!;
  const team = Math.max(...factors.map(({ inner }) => inner)) >= 128 ? 32 : 4;
  const teams = lanes / team, columnsAGroup = columnsATeam * teams, results = height * columnsATeam;
  const groups = factors.map(({ columns }) => Math.ceil(columns / columnsAGroup));
  const biased = factors.map(({ bias }) => bias !== undefined);
  const sums = (i: number) => {
    const { vectors, places, text } = loads(`b${i}`, storages[i]);
    return `
  let units = inner / ${4 * vectors};
  for (var unit = member; unit < units; unit += ${team}) {
    ${places}
    ${
      unrolled(height, (r) =>
        unrolled(vectors, (v) =>
          `let x${r}_${v} = a[(min(${r}, u.rows - 1) * u.widthA + first) / 4 + p${v}];`))
    }
    ${
      unrolled(columnsATeam, (c) => `
    {
      let row = first_b + min(column + ${c}, columns - 1) * width_b;
      ${text}
      ${
        unrolled(height, (r) =>
          `s${r}_${c} += ${Array.from({ length: vectors }, (_, v) => `dot(x${r}_${v}, w${v})`).join(" + ")};`)
      }
    }`)
    }
  }`;
  };
  launch({
    key: `multiply_few_rows/${storages.map(({ key }) => key)}/${[
      height,
      team,
      ...products.map(({ accumulate }) => Number(accumulate)),
      ...targets,
      ...biased.map(Number),
    ]}`,
    workgroupSize: lanes,
    groups: groups.reduce((sum, count) => sum + count, 0),
    flop: factors.reduce((flop, { inner, columns }) => flop + 2 * rows * inner * columns, 0),
    reads: {
      a: { ...part(a), lanes: 4 },
      ...factorReads(factors, ({ b }) => storageOf(b).kind === "float32" ? 4 : 1),
    },
    writes: Object.fromEntries(products.map(({ out }, place) => [`out${place}`, out])),
    ints: {
      rows,
      widthA,
      ...Object.fromEntries(products.map(({ widthOut }, place) => [`widthOut${place}`, widthOut])),
      ...factorInts(factors, { groups }),
    },
    floats: factorScales(factors),
    declarations: `var<workgroup> parts: array<f32, ${results * lanes}>;`,
    body: () => `
  var chosen = 0;
  var place = group;
  ${
      unrolled(factors.length - 1, (i) =>
        `if (chosen == ${i} && place >= u.groups${i}) { chosen = ${i + 1}; place -= u.groups${i}; }`)
    }
  let member = lane % ${team};
  let column = place * ${columnsAGroup} + lane / ${team} * ${columnsATeam};
  var columns = u.columns0;
  ${unrolled(results, (n) => `var s${Math.floor(n / columnsATeam)}_${n % columnsATeam} = 0.0;`)}
  ${
      chosenFactor(factors.length, (i) => `
  columns = u.columns${i};
  let inner = u.inner${i};
  let first = u.firstA${i};
  let first_b = u.firstB${i};
  let width_b = u.widthB${i};
  ${sums(i)}`)
    }
  ${
      unrolled(results, (n) =>
        `parts[${n * lanes} + lane] = s${Math.floor(n / columnsATeam)}_${n % columnsATeam};`)
    }
  workgroupBarrier();
  for (var n = lane; n < ${results * teams}; n += ${lanes}) {
    let result = n % ${results};
    let begin = result * ${lanes} + n / ${results} * ${team};
    var sum = 0.0;
    ${unrolled(team, (m) => `sum += parts[begin + ${m}];`)}
    let row = result / ${columnsATeam};
    let to = place * ${columnsAGroup} + n / ${results} * ${columnsATeam} + result % ${columnsATeam};
    if (row < u.rows && to < columns) {
      ${
      chosenFactor(factors.length, (i) => {
        const target = targets[i], out = `out${target}[at]`;
        return `
      let at = row * u.widthOut${target} + u.firstOut${i} + to;
      ${out} = sum * u.scale${i}${biased[i] ? ` + bias${i}[to]` : ""}${
          products[target].accumulate ? ` + ${out}` : ""
        };`;
      })
    }
    }
  }`,
  });
}
