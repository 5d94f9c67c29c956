/**
 * Matrix products on WebGPU: tiles in workgroup memory, 4 × 4 or 8 × 8 results an invocation in registers, loads of four
 * floats where rows are aligned, every transpose and batch. Stock tfjs-webgpu has good tiles for plain products only in
 * shapes that its heuristics like; these also write into a part of a buffer, add to what is there, read 16-bit weights,
 * and do several products of one input in one launch.
 */
import { bindableRows, type Binding, type BoundPart, launch, rowsOf } from "./program.ts";

/** One product of several: the right side, and where it lies in the left side and in the result. */
export interface Factor {
  /** Of int32: pairs of 16-bit floats as `packHalf` makes them; rows must then be multiples of 4 in memory. */
  b: Binding;
  columns: number;
  inner: number;
  /** The first column of a (row, where a is transposed its column too) that it takes. @default 0 */
  firstA?: number;
  /** The first column of `out` that it gives. @default 0 */
  firstOut?: number;
  /** The first column of b that it takes, and the width of b's rows in memory. @default 0 and all */
  firstB?: number;
  widthB?: number;
  /** Added to every row. [columns] */
  bias?: Binding;
  /** The product is multiplied by this; not in a sum. @default 1 */
  scale?: number;
}

/** out = a·b, or out += a·b: plain row-major matrices, [rows, inner] and [inner, columns] after transposing. */
export interface Product {
  a: Binding;
  /** One product, or several of one a: side by side in `out`, or all added up in the same columns where `sum` is set. */
  factors: readonly Factor[];
  out: Binding;
  rows: number;
  /** The products add up. @default false */
  sum?: boolean;
  /** a is stored [inner, rows]. @default false */
  transposeA?: boolean;
  /** b is stored [columns, inner]. @default false */
  transposeB?: boolean;
  /** Of one factor. @default 1 */
  batch?: number;
  /** One a serves the whole batch. @default false */
  sharedA?: boolean;
  /** One b serves the whole batch. @default false */
  sharedB?: boolean;
  /** Add to `out`. @default false */
  accumulate?: boolean;
  /** Width of a's rows in memory. @default the first factor's inner, or rows where a is transposed */
  widthA?: number;
  /** Width of out's rows in memory. @default the first factor's columns */
  widthOut?: number;
}

/** Workgroup of side × side invocations, each with blocks × blocks squares of 4 × 4 results, `depth` of inner at a time. */
interface Tiling {
  side: number;
  blocks: number;
  depth: number;
}

const small: Tiling = { side: 8, blocks: 1, depth: 16 };
const middle: Tiling = { side: 16, blocks: 1, depth: 16 };
const large: Tiling = { side: 16, blocks: 2, depth: 8 };

/** The largest tiles that still give the card's processors enough workgroups to be busy. */
function chooseTiling(rows: number, columns: number, batch: number): Tiling {
  const groups = ({ side, blocks }: Tiling) =>
    Math.ceil(rows / (side * blocks * 4)) * Math.ceil(columns / (side * blocks * 4)) * batch;
  return groups(large) >= 256 ? large : groups(middle) >= 128 ? middle : small;
}

const times = (count: number, text: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join("\n");
const letters = "xyzw";
const part = (binding: Binding): BoundPart => "dataId" in binding ? { tensor: binding } : binding;
const packed = ({ b }: Factor) => part(b).tensor.dtype === "int32";

/**
 * Records the product: one launch, and one more for each further part of a `b` that the adapter cannot bind whole.
 * @throws {RangeError} when 16-bit weights are not aligned
 */
export function multiply(product: Product): void {
  const { transposeA = false, transposeB = false, batch = 1, sum = false, accumulate = false } = product;
  const factors = product.factors.map((factor) => ({
    firstA: 0,
    firstB: 0,
    firstOut: 0,
    widthB: transposeB ? factor.inner : factor.columns,
    scale: 1,
    ...factor,
  }));
  const whole = {
    ...product,
    widthA: product.widthA ?? (transposeA ? product.rows : factors[0].inner),
    widthOut: product.widthOut ?? factors[0].columns,
  };
  const slices = factors.map((factor) => {
    const lines = transposeB ? factor.columns : factor.inner,
      stored = factor.widthB / (packed(factor) ? 2 : 1);
    return { factor, stored, parts: batch > 1 ? [{ first: 0, count: lines }] : bindableRows(lines, stored) };
  });
  const alike = factors.every((factor) => packed(factor) === packed(factors[0]));
  if (alike && slices.every(({ parts }) => parts.length === 1)) return record({ ...whole, factors });
  let fresh = !accumulate;
  for (const { factor, stored, parts } of slices) {
    for (const [index, rows] of parts.entries()) {
      const b = rowsOf(factor.b, rows, stored), { firstA, firstOut, bias } = factor;
      const own = transposeB
        ? { b, columns: rows.count, firstOut: firstOut + rows.first, bias: bias && rowsOf(bias, rows, 1) }
        : { b, inner: rows.count, bias: index ? undefined : bias };
      record({
        ...whole,
        // parts of inner add up; a transposed a has them as rows
        ...(transposeA && !transposeB ? { a: rowsOf(product.a, rows, whole.widthA) } : {}),
        factors: [{ ...factor, ...own, firstA: firstA + (transposeA || transposeB ? 0 : rows.first) }],
        accumulate: !fresh || (!transposeB && index > 0),
      });
    }
    if (sum) fresh = false;
  }
}

/** A factor with its defaults. */
type Settled = Required<Omit<Factor, "bias">> & Pick<Factor, "bias">;

function record(
  product: Omit<Product, "factors"> & { factors: Settled[]; widthA: number; widthOut: number },
): void {
  const { a, factors, out, rows, widthA, widthOut, transposeA = false, transposeB = false, batch = 1 } =
    product;
  const { sum = false, sharedA, sharedB, accumulate = false } = product;
  const columns = sum ? factors[0].columns : factors.reduce((sum, { columns }) => sum + columns, 0);
  const { side, blocks, depth } = chooseTiling(rows, columns, batch),
    size = side * blocks * 4,
    threads = side * side;
  const aligned = (...numbers: number[]) => numbers.every((number) => number % 4 === 0);
  const fourA = aligned(widthA, ...factors.map(({ firstA }) => firstA)) &&
    (transposeA ? aligned(rows) : factors.every(({ inner }) => aligned(inner)));
  const fourB = factors.every(({ inner, columns, firstB, widthB }) =>
    aligned(transposeB ? inner : columns, firstB, widthB)
  );
  const fourOut = !transposeB &&
    aligned(widthOut, ...factors.flatMap(({ columns, firstOut }) => [columns, firstOut]));
  const pairs = packed(factors[0]), biased = factors.some(({ bias }) => bias !== undefined);
  if (pairs && !fourB) {
    throw new RangeError(
      `multiplying by 16-bit weights needs rows that are multiples of 4, got ${
        factors.map(({ inner, columns }) => transposeB ? inner : columns)
      }`,
    );
  }
  const tiles = factors.map(({ columns }) => Math.ceil(columns / size));
  const across = sum ? tiles[0] : tiles.reduce((sum, count) => sum + count, 0);
  // memory's contiguous direction is kept in the tile; one vector of padding where a column of vectors is read
  const strideA = transposeA ? size / 4 : depth / 4 + 1, strideB = transposeB ? depth / 4 + 1 : size / 4;
  const sizeA = transposeA ? depth * strideA : size * strideA,
    sizeB = transposeB ? size * strideB : depth * strideB;
  const rowOf = (block: number, i: number) =>
    transposeA ? `(${block * side} + y) * 4 + ${i}` : `y + ${side * (4 * block + i)}`;
  const columnOf = (block: number, j: number) =>
    transposeB ? `x + ${side * (4 * block + j)}` : `(${block * side} + x) * 4 + ${j}`;
  const text = () => {
    const four = (name: string) =>
      pairs && name !== "a"
        ? `value = vec4<f32>(unpack2x16float(bitcast<u32>(${name}[at >> 1u])), unpack2x16float(bitcast<u32>(${name}[(at >> 1u) + 1])));`
        : `value = ${name}[at >> 2u];`;
    const reader = (name: string, vectors: boolean) => `
fn read_${name}(base: i32, major: i32, minor: i32, majors: i32, minors: i32, width: i32) -> vec4<f32> {
  var value = vec4<f32>(0.0);
  if (major >= majors || minor >= minors) { return value; }
  let at = base + major * width + minor;
  ${
      vectors
        ? four(name)
        : times(4, (i) => `if (minor + ${i} < minors) { value.${letters[i]} = ${name}[at + ${i}]; }`)
    }
  return value;
}`;
    const choose = (text: (i: number) => string) =>
      times(factors.length, (i) => `if (chosen == ${i}) { ${text(i)} }`);
    const load = (
      name: string,
      tile: string,
      stride: number,
      inRows: boolean,
      limits: string,
      first: string,
    ) => {
      const perLine = inRows ? depth / 4 : size / 4;
      return `
    for (var slot = lane; slot < ${size * depth / 4}; slot += ${threads}) {
      let major = slot / ${perLine};
      let minor = slot % ${perLine};
      ${tile}[major * ${stride} + minor] = read_${name}(base_${name}, ${
        inRows ? `${first} + major, k + minor * 4` : `k + major, ${first} + minor * 4`
      }, ${limits});
    }`;
    };
    const factor = (block: number, i: number, kk: number) =>
      transposeA ? `a${block}_${kk}.${letters[i]}` : `a${block}_${i}.${letters[kk]}`;
    const several = factors.length > 1;
    /** Adds the products with the chosen b to the registers. */
    const products = `
  for (var k = 0; k < inner; k += ${depth}) {
    ${
      load(
        "a",
        "tileA",
        strideA,
        !transposeA,
        transposeA ? "inner, u.rows, u.widthA" : "u.rows, inner, u.widthA",
        "firstRow",
      )
    }
    ${
      load(
        "b",
        "tileB",
        strideB,
        transposeB,
        transposeB ? "columns, inner, width_b" : "inner, columns, width_b",
        "firstColumn",
      )
    }
    workgroupBarrier();
    for (var s = 0; s < ${depth / 4}; s++) {
      ${
      times(blocks * 4, (n) => {
        const block = n >> 2, i = n & 3;
        return transposeA
          ? `let a${block}_${i} = tileA[(s * 4 + ${i}) * ${strideA} + ${block * side} + y];`
          : `let a${block}_${i} = tileA[(${rowOf(block, i)}) * ${strideA} + s];`;
      })
    }
      ${
      times(blocks * 4, (n) => {
        const block = n >> 2, j = n & 3;
        return transposeB
          ? `let t${block}_${j} = tileB[(${columnOf(block, j)}) * ${strideB} + s];`
          : `let b${block}_${j} = tileB[(s * 4 + ${j}) * ${strideB} + ${block * side} + x];`;
      })
    }
      ${
      transposeB
        ? times(blocks * 4, (n) => {
          const block = n >> 2, kk = n & 3;
          return `let b${block}_${kk} = vec4<f32>(${
            [0, 1, 2, 3].map((j) => `t${block}_${j}.${letters[kk]}`).join(", ")
          });`;
        })
        : ""
    }
      ${
      times(blocks * 4 * blocks * 4, (n) => {
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
    return {
      declarations: `
var<workgroup> tileA: array<vec4<f32>, ${sizeA}>;
var<workgroup> tileB: array<vec4<f32>, ${sizeB}>;
var<private> chosen: i32 = 0;
${reader("a", fourA)}
${times(factors.length, (i) => reader(`b${i}`, fourB))}
fn read_b(base: i32, major: i32, minor: i32, majors: i32, minors: i32, width: i32) -> vec4<f32> {
  ${
        times(
          factors.length - 1,
          (i) => `if (chosen == ${i}) { return read_b${i}(base, major, minor, majors, minors, width); }`,
        )
      }
  return read_b${factors.length - 1}(base, major, minor, majors, minors, width);
}`,
      body: `
  let x = lane % ${side};
  let y = lane / ${side};
  var firstColumn = (group % u.across) * ${size};
  let firstRow = ((group / u.across) % u.down) * ${size};
  let item = group / u.across / u.down;
  ${
        sum
          ? ""
          : times(factors.length - 1, (i) =>
            `if (chosen == ${i} && firstColumn >= u.tiles${i} * ${size}) { chosen = ${
              i + 1
            }; firstColumn -= u.tiles${i} * ${size}; }`)
      }
  var columns = u.columns0;
  var inner = u.inner0;
  var base_a = item * u.stepA + u.firstA0;
  var base_b = item * u.stepB + u.firstB0;
  var width_b = u.widthB0;
  var base = item * u.rows * u.widthOut + u.firstOut0;
  var scale = u.scale0;
  ${times(blocks * 4 * blocks, (i) => `var c${i} = vec4<f32>(0.0);`)}
  ${
        !several ? products : sum
          ? `for (chosen = 0; chosen < ${factors.length}; chosen++) {
  ${
            choose((i) =>
              `inner = u.inner${i}; base_a = u.firstA${i}; base_b = u.firstB${i}; width_b = u.widthB${i};`
            )
          }
  ${products}
  }`
          : `${
            choose((i) =>
              `columns = u.columns${i}; inner = u.inner${i}; base_a = u.firstA${i}; base_b = u.firstB${i}; width_b = u.widthB${i}; base = u.firstOut${i}; scale = u.scale${i};`
            )
          }
  ${products}`
      }
  ${
        biased
          ? `var shift: array<vec4<f32>, ${blocks}>;
  ${
            choose((i) =>
              factors[i].bias
                ? times(blocks * 4, (n) => `
    { let column = firstColumn + ${columnOf(n >> 2, n & 3)};
      if (column < columns) { shift[${n >> 2}].${letters[n & 3]} = bias${i}[column]; } }`)
                : ""
            )
          }`
          : ""
      }
  ${
        times(blocks * 4 * blocks, (n) => {
          const right = n % blocks, line = Math.floor(n / blocks), block = line >> 2, i = line & 3;
          const row = `let row = firstRow + ${rowOf(block, i)};`,
            value = `c${n} * scale${biased ? ` + shift[${right}]` : ""}`;
          if (fourOut) {
            return `{ ${row} let column = firstColumn + ${columnOf(right, 0)};
    if (row < u.rows && column < columns) {
      let at = (base + row * u.widthOut + column) >> 2u;
      out[at] = ${value}${accumulate ? " + out[at]" : ""};
    } }`;
          }
          return `{ ${row} let value = ${value}; ${
            times(4, (j) => `
    { let column = firstColumn + ${columnOf(right, j)};
      if (row < u.rows && column < columns) {
        let at = base + row * u.widthOut + column;
        out[at] = value.${letters[j]}${accumulate ? " + out[at]" : ""};
      } }`)
          } }`;
        })
      }`,
    };
  };
  launch({
    key: `multiply/${[
      side,
      blocks,
      transposeA,
      transposeB,
      fourA,
      fourB,
      fourOut,
      accumulate,
      sum,
      factors.map(({ bias }) => bias !== undefined),
      factors.length,
    ]}`,
    workgroupSize: threads,
    groups: batch * Math.ceil(rows / size) * across,
    reads: {
      a: { ...part(a), lanes: fourA ? 4 : 1 },
      ...Object.fromEntries(
        factors.map(({ b }, i) => [`b${i}`, { ...part(b), lanes: fourB && !pairs ? 4 : 1 } as const]),
      ),
      ...Object.fromEntries(factors.flatMap(({ bias }, i) => bias ? [[`bias${i}`, bias]] : [])),
    },
    writes: { out: { ...part(out), lanes: fourOut ? 4 : 1 } },
    ints: {
      rows,
      across,
      down: Math.ceil(rows / size),
      stepA: sharedA ? 0 : widthA * (transposeA ? factors[0].inner : rows),
      stepB: sharedB ? 0 : factors[0].columns * factors[0].inner,
      widthA,
      widthOut,
      ...Object.fromEntries(factors.flatMap(({ columns, inner, firstA, firstB, firstOut, widthB }, i) => [
        [`columns${i}`, columns],
        [`inner${i}`, inner],
        [`firstA${i}`, firstA],
        [`firstB${i}`, firstB],
        [`widthB${i}`, widthB],
        [`firstOut${i}`, firstOut],
        [`tiles${i}`, tiles[i]],
      ])),
    },
    floats: Object.fromEntries(factors.map(({ scale }, i) => [`scale${i}`, scale])),
    declarations: () => text().declarations,
    body: () => text().body,
  });
}
