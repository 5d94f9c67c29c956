/**
 * Matrix products on WebGPU: tiles in workgroup memory, 4 × 4 or 8 × 8 results an invocation in registers, loads of four
 * floats where rows are aligned, every transpose and batch. Stock tfjs-webgpu has good tiles for plain products only in
 * shapes that its heuristics like; these also write into a part of a buffer and add to what is there.
 */
import * as tf from "@tensorflow/tfjs-core";
import { type Binding, type BoundPart, launch, output, outputInfo } from "./program.ts";

/** out = a·b, or out += a·b: plain row-major matrices, [rows, inner] and [inner, columns] after transposing. */
export interface Product {
  a: Binding;
  /** Of int32: pairs of 16-bit floats as `packHalf` makes them; rows must then be multiples of 4 in memory. */
  b: Binding;
  out: Binding;
  rows: number;
  columns: number;
  inner: number;
  /** a is stored [inner, rows]. @default false */
  transposeA?: boolean;
  /** b is stored [columns, inner]. @default false */
  transposeB?: boolean;
  /** @default 1 */
  batch?: number;
  /** One a serves the whole batch. @default false */
  sharedA?: boolean;
  /** One b serves the whole batch. @default false */
  sharedB?: boolean;
  /** Add to `out`. @default false */
  accumulate?: boolean;
  /** Added to every row. [columns] */
  bias?: tf.TensorInfo;
  /** The product is multiplied by this. @default 1 */
  scale?: number;
  /** a lies among wider rows: its first column there and their width. @default the whole rows */
  withinA?: Columns;
  /** The same for `out`. */
  withinOut?: Columns;
}

/** Columns of a wider matrix. */
export interface Columns {
  first: number;
  width: number;
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

/** Records the product: one launch. */
export function multiply(product: Product): void {
  const {
    a,
    b,
    out,
    rows,
    columns,
    inner,
    transposeA = false,
    transposeB = false,
    batch = 1,
    sharedA,
    sharedB,
    accumulate = false,
    bias,
    scale = 1,
    withinA = { first: 0, width: product.transposeA ? product.rows : product.inner },
    withinOut = { first: 0, width: product.columns },
  } = product;
  const { side, blocks, depth } = chooseTiling(rows, columns, batch),
    size = side * blocks * 4,
    threads = side * side;
  const aligned = (...numbers: number[]) => numbers.every((number) => number % 4 === 0);
  const fourA = aligned(transposeA ? rows : inner, withinA.first, withinA.width),
    fourB = (transposeB ? inner : columns) % 4 === 0;
  const fourOut = !transposeB && aligned(columns, withinOut.first, withinOut.width);
  const part = (binding: Binding, four: boolean): BoundPart => ({
    ...("dataId" in binding ? { tensor: binding } : binding),
    lanes: four ? 4 : 1,
  });
  // memory's contiguous direction is kept in the tile; one vector of padding where a column of vectors is read
  const strideA = transposeA ? size / 4 : depth / 4 + 1, strideB = transposeB ? depth / 4 + 1 : size / 4;
  const sizeA = transposeA ? depth * strideA : size * strideA,
    sizeB = transposeB ? size * strideB : depth * strideB;
  const rowOf = (block: number, i: number) =>
    transposeA ? `(${block * side} + y) * 4 + ${i}` : `y + ${side * (4 * block + i)}`;
  const columnOf = (block: number, j: number) =>
    transposeB ? `x + ${side * (4 * block + j)}` : `(${block * side} + x) * 4 + ${j}`;
  const pairs = part(b, false).tensor.dtype === "int32";
  if (pairs && !fourB) {
    throw new RangeError(
      `multiplying by 16-bit weights needs rows that are multiples of 4, got ${transposeB ? inner : columns}`,
    );
  }
  const whole = (name: string) =>
    pairs && name === "b"
      ? "value = vec4<f32>(unpack2x16float(bitcast<u32>(b[at >> 1u])), unpack2x16float(bitcast<u32>(b[(at >> 1u) + 1])));"
      : `value = ${name}[at >> 2u];`;
  const reader = (name: string, four: boolean) => `
fn read_${name}(base: i32, major: i32, minor: i32, majors: i32, minors: i32, width: i32) -> vec4<f32> {
  var value = vec4<f32>(0.0);
  if (major >= majors || minor >= minors) { return value; }
  let at = base + major * width + minor;
  ${
    four
      ? whole(name)
      : times(4, (i) => `if (minor + ${i} < minors) { value.${letters[i]} = ${name}[at + ${i}]; }`)
  }
  return value;
}`;
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
  launch({
    key: `multiply/${[side, blocks, transposeA, transposeB, fourA, fourB, accumulate, bias !== undefined]}`,
    workgroupSize: threads,
    groups: batch * Math.ceil(rows / size) * Math.ceil(columns / size),
    reads: {
      a: part(a, fourA),
      b: part(b, fourB && !pairs),
      ...(bias ? { bias } : {}) as Record<string, tf.TensorInfo>,
    },
    writes: { out: part(out, fourOut) },
    ints: {
      rows,
      columns,
      inner,
      across: Math.ceil(columns / size),
      down: Math.ceil(rows / size),
      stepA: sharedA ? 0 : withinA.width * (transposeA ? inner : rows),
      stepB: sharedB ? 0 : columns * inner,
      firstA: withinA.first,
      widthA: withinA.width,
      firstOut: withinOut.first,
      widthOut: withinOut.width,
    },
    floats: { scale },
    declarations: `
var<workgroup> tileA: array<vec4<f32>, ${sizeA}>;
var<workgroup> tileB: array<vec4<f32>, ${sizeB}>;
${reader("a", fourA)}
${reader("b", fourB)}`,
    body: `
  let x = lane % ${side};
  let y = lane / ${side};
  let firstColumn = (group % u.across) * ${size};
  let firstRow = ((group / u.across) % u.down) * ${size};
  let item = group / u.across / u.down;
  let base_a = item * u.stepA + u.firstA;
  let base_b = item * u.stepB;
  ${times(blocks * 4 * blocks, (i) => `var c${i} = vec4<f32>(0.0);`)}
  for (var k = 0; k < u.inner; k += ${depth}) {
    ${
      load(
        "a",
        "tileA",
        strideA,
        !transposeA,
        transposeA ? "u.inner, u.rows, u.widthA" : "u.rows, u.inner, u.widthA",
        "firstRow",
      )
    }
    ${
      load(
        "b",
        "tileB",
        strideB,
        transposeB,
        transposeB ? "u.columns, u.inner, u.inner" : "u.inner, u.columns, u.columns",
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
  }
  let base = item * u.rows * u.widthOut + u.firstOut;
  ${
      times(blocks * 4 * blocks, (n) => {
        const right = n % blocks, line = Math.floor(n / blocks), block = line >> 2, i = line & 3;
        const row = `let row = firstRow + ${rowOf(block, i)};`;
        if (fourOut) {
          return `{ ${row} let column = firstColumn + ${columnOf(right, 0)};
    if (row < u.rows && column < u.columns) {
      let at = (base + row * u.widthOut + column) >> 2u;
      out[at] = c${n} * u.scale${
            bias ? " + vec4<f32>(bias[column], bias[column + 1], bias[column + 2], bias[column + 3])" : ""
          }${accumulate ? " + out[at]" : ""};
    } }`;
        }
        return `{ ${row} ${
          times(4, (j) => `
    { let column = firstColumn + ${columnOf(right, j)};
      if (row < u.rows && column < u.columns) {
        let at = base + row * u.widthOut + column;
        out[at] = c${n}.${letters[j]} * u.scale${bias ? " + bias[column]" : ""}${
            accumulate ? " + out[at]" : ""
          };
      } }`)
        } }`;
      })
    }`,
  });
}

interface Transposes {
  transposeA?: boolean;
  transposeB?: boolean;
}

interface Shapes {
  rows: number;
  columns: number;
  inner: number;
  batch: number;
  sharedA: boolean;
  sharedB: boolean;
  shape: number[];
}

/** The product's sizes, or null where the batches broadcast in a way that a step through memory cannot follow. */
function shapes(a: tf.TensorInfo, b: tf.TensorInfo, { transposeA, transposeB }: Transposes): Shapes | null {
  const [a0, a1] = a.shape.slice(-2), [b0, b1] = b.shape.slice(-2), { sizeFromShape } = tf.util;
  const [rows, inner] = transposeA ? [a1, a0] : [a0, a1],
    [innerB, columns] = transposeB ? [b1, b0] : [b0, b1];
  const outerA = a.shape.slice(0, -2),
    outerB = b.shape.slice(0, -2),
    countA = sizeFromShape(outerA),
    countB = sizeFromShape(outerB);
  if (inner !== innerB || rows * columns * inner * countA * countB === 0) return null;
  const outer = countA >= countB ? outerA : outerB, batch = Math.max(countA, countB);
  if (countA !== 1 && countB !== 1 && outerA.join() !== outerB.join()) return null;
  const broadcast = outerA.length === outerB.length || countA === countB
    ? outer
    : tf.backend_util.assertAndGetBroadcastShape(outerA, outerB);
  return {
    rows,
    columns,
    inner,
    batch,
    sharedA: countA === 1,
    sharedB: countB === 1,
    shape: [...broadcast, rows, columns],
  };
}

/**
 * a·b of float32 matrices or batches of them; a batch of one serves all. The caller disposes of the result. One launch.
 * @throws {RangeError} when the shapes do not fit
 */
export function matmul(
  a: tf.Tensor,
  b: tf.Tensor,
  { transposeA = false, transposeB = false }: Transposes = {},
): tf.Tensor {
  const found = shapes(a, b, { transposeA, transposeB });
  if (!found) {
    throw new RangeError(
      `multiplying needs matrices that fit, got [${a.shape}] and [${b.shape}], transposed ${transposeA}, ${transposeB}`,
    );
  }
  const out = output(found.shape);
  multiply({ a, b, out, transposeA, transposeB, ...found });
  return out;
}

interface KernelCall {
  inputs: {
    a: tf.TensorInfo;
    b: tf.TensorInfo;
    bias?: tf.TensorInfo;
    preluActivationWeights?: tf.TensorInfo;
  };
  attrs: { transposeA: boolean; transposeB: boolean; activation?: string };
  backend: unknown;
}

/**
 * Puts this product in place of tfjs-webgpu's `BatchMatMul` and `_FusedMatMul`; what it cannot do (activations, batches
 * that broadcast crosswise, other types) still goes to the stock kernel. Returns a function that undoes it.
 */
export function installMatmul(): () => void {
  const undo = ["BatchMatMul", "_FusedMatMul"].map((kernelName) => {
    const stock = tf.getKernel(kernelName, "webgpu");
    tf.unregisterKernel(kernelName, "webgpu");
    tf.registerKernel({
      ...stock,
      kernelFunc: (call) => {
        const {
          inputs: { a, b, bias, preluActivationWeights },
          attrs: { transposeA, transposeB, activation },
        } = call as unknown as KernelCall;
        const plain = (!activation || activation === "linear") && !preluActivationWeights &&
          a.dtype === "float32" && b.dtype === "float32";
        const found = plain ? shapes(a, b, { transposeA, transposeB }) : null;
        if (!found || bias && tf.util.sizeFromShape(bias.shape) !== found.columns) {
          return stock.kernelFunc(call);
        }
        const out = outputInfo(found.shape);
        multiply({ a, b, out, transposeA, transposeB, bias, ...found });
        return out;
      },
    });
    return () => {
      tf.unregisterKernel(kernelName, "webgpu");
      tf.registerKernel(stock);
    };
  });
  return () => undo.forEach((restore) => restore());
}
