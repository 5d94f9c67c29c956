import * as tf from "@tensorflow/tfjs";
import type { DecoderDescription } from "../../lib/kernels/decoder_description.ts";
import type { QuantisedMatrix } from "../../lib/kernels/quantised_matrix.ts";
import { attentionForward } from "../../lib/kernels/webgpu/attention_forward.ts";
import { formOf, quantisedTensor } from "../../lib/kernels/stored_form.ts";
import { multiply } from "../../lib/kernels/webgpu/multiply.ts";
import { multiplyTiles } from "../../lib/kernels/webgpu/multiply_tiles.ts";
import { settled } from "../../lib/kernels/webgpu/product.ts";
import { launch, output } from "../../lib/kernels/webgpu/program.ts";
import { sampleTokens } from "../../lib/kernels/webgpu/sample_tokens.ts";
import { type TilingName, tilings } from "../../lib/kernels/webgpu/tile_plan.ts";
import { unrolled } from "../../lib/kernels/webgpu/unrolled.ts";
import { type GpuMeter, settle, withKernels } from "./gpu_meter.ts";

const random = (shape: number[]) => tf.randomNormal(shape, 0, 0.1, "float32", 1);

/** What the card's figures are held to. */
export interface CardFloors {
  /** GB/s of a copy. */
  bandwidth: number;
  /** TFLOP/s of nothing but fused multiply-adds. */
  float32: number;
}

/** A read-back, a launch, a copy, and multiply-adds in registers: what the others are held to. */
export async function cardFloors(meter: GpuMeter): Promise<CardFloors> {
  const { tiny } = meter, one = tf.zeros([1]);
  meter.say({ name: "a read-back", unit: "µs", value: 1e6 * await meter.wall(() => settle(one)) });
  const small = tf.zeros([64]), size = tiny ? 1 << 16 : 1 << 24, runs = tiny ? 8 : 200;
  const body = "y[index] = x[index];", to = output([size]), from = tf.zeros([size]), other = output([64]);
  const copy = (x: tf.Tensor, y: tf.Tensor) =>
    launch({ key: "bench/copy", groups: x.size / 64, reads: { x }, writes: { y }, body });
  const launched = await meter.wallEach(() => copy(small, other), runs);
  meter.say({ name: "a launch, recorded and run", unit: "µs", value: launched * 1e6 });
  const bandwidth = 8 * size / await meter.each(() => copy(from, to), runs / 4) / 1e9;
  meter.say({ name: "copy_gb_per_s", unit: "GB/s", value: bandwidth });
  tf.dispose([one, small, to, from, other]);
  const float32 = await multiplyAdds(meter);
  return { bandwidth, float32 };
}

/** The card's float32 rate: chains of multiply-adds in registers, 32 a lane, with no memory behind them. */
async function multiplyAdds(meter: GpuMeter): Promise<number> {
  const groups = meter.tiny ? 4 : 4096, turns = meter.tiny ? 1 : 128, chains = 8, steps = 16, lanes = 256;
  const y = output([groups * lanes]), flop = 2 * 4 * chains * steps * turns * y.size;
  const seconds = await meter.each(() =>
    launch({
      key: "bench/multiply_adds",
      workgroupSize: lanes,
      groups,
      flop,
      writes: { y },
      ints: { turns },
      floats: { factor: 0.999, more: 0.001 },
      body: `
  let factor = vec4<f32>(u.factor);
  let more = vec4<f32>(u.more);
  ${unrolled(chains, (c) => `var c${c} = vec4<f32>(f32(lane + ${c}));`)}
  for (var turn = 0; turn < u.turns; turn++) {
    ${unrolled(steps, () => unrolled(chains, (c) => `c${c} = fma(c${c}, factor, more);`))}
  }
  let sum = ${Array.from({ length: chains }, (_, c) => `c${c}`).join(" + ")};
  y[index] = sum.x + sum.y + sum.z + sum.w;`,
    }), meter.tiny ? 2 : 5);
  y.dispose();
  const value = flop / seconds / 1e12;
  meter.say({ name: "float32_tflops", unit: "TFLOP/s", value });
  return value;
}

/** Products at the shapes of a layer of the 270M and the 1B model, each tiling forced. */
export async function tiledProducts(meter: GpuMeter, { float32 }: CardFloors): Promise<void> {
  const shapes = meter.tiny
    ? [[40, 64, 48]]
    : [[4096, 640, 4096], [4096, 2048, 640], [4096, 1152, 13_824], [16, 640, 4096]];
  for (const [rows, inner, columns] of shapes) {
    const a = random([rows, inner]),
      b = random([columns, inner]) as tf.Tensor2D,
      out = output([rows, columns]);
    const product = settled({ a, factors: [{ b, columns, inner }], out, rows, transposeB: true });
    const found: [TilingName, number][] = [];
    for (const name of Object.keys(tilings) as TilingName[]) {
      const took = await meter.each(() => multiplyTiles(product, name), meter.tiny ? 2 : 20);
      const value = 2 * rows * inner * columns / took / 1e12;
      found.push([name, value]);
      meter.say({
        name: `${rows} × ${inner} by ${columns}, ${name} tiles`,
        unit: "TFLOP/s",
        value,
        floor: { of: "float32_tflops", value: float32 },
      });
    }
    const [best] = found.sort((one, other) => other[1] - one[1])[0];
    console.log(`  best for ${rows} × ${inner} by ${columns}: ${best} tiles`);
    tf.dispose([a, b, out]);
  }
}

/** Square products through tfjs, ours and then stock's: both must agree. */
export async function squareProducts(meter: GpuMeter, { float32 }: CardFloors): Promise<void> {
  for (const size of meter.tiny ? [48] : [1024, 2048, 4096]) {
    const [a, b] = [0, 1].map((i) => tf.randomUniform([size, size], -1, 1, "float32", 1 + i) as tf.Tensor2D);
    const values: number[] = [];
    for (const ours of [true, false]) {
      const took = await withKernels(ours, async () => {
        const product = tf.matMul(a, b);
        values.push(await settle(product));
        product.dispose();
        return await meter.each(() => tf.matMul(a, b).dispose(), meter.tiny ? 2 : 10);
      });
      meter.say({
        name: `matmul_${size}_tflops_${ours ? "ours" : "stock"}`,
        unit: "TFLOP/s",
        value: 2 * size ** 3 / took / 1e12,
        ...ours ? { floor: { of: "float32_tflops", value: float32 } } : {},
      });
    }
    if (Math.abs(values[0] - values[1]) > 1e-3 * size ** 0.5) {
      throw new Error(`ours and stock products differ: ${values[0]} and ${values[1]}`);
    }
    tf.dispose([a, b]);
  }
}

function quantised(rows: number, columns: number, bits: 8 | 4): QuantisedMatrix {
  return {
    shape: [rows, columns],
    bits,
    group: 32,
    centre: bits === 8 ? 128 : 8,
    codes: new Uint8Array(rows * columns * bits / 8).map((_, i) => i * 89 & 255),
    scales: new Float32Array(rows * columns / 32).fill(0.01),
    offsets: null,
  };
}

/** A decoding step's product in each kind of weights, held to the copy bandwidth. */
export async function decodingProducts(meter: GpuMeter, { bandwidth }: CardFloors): Promise<void> {
  const { tiny } = meter, inner = tiny ? 64 : 640, columns = tiny ? 128 : 32_768;
  const kinds: [string, tf.Tensor2D][] = [
    ["32 bits", random([columns, inner]) as tf.Tensor2D],
    // any words are 16-bit numbers
    ["16 bits", tf.zeros([columns, inner / 2], "int32") as tf.Tensor2D],
    ["8 bits", quantisedTensor(quantised(columns, inner, 8))],
    ["4 bits", quantisedTensor(quantised(columns, inner, 4))],
  ];
  const floor = { of: "copy_gb_per_s", value: bandwidth };
  for (const rows of [1, 8, 32]) {
    const a = random([rows, inner]), out = output([rows, columns]);
    for (const [kind, b] of kinds) {
      const product = { a, factors: [{ b, columns, inner }], out, rows, transposeB: true };
      const took = await meter.each(() => multiply(product), tiny ? 2 : 50);
      const value = 4 * (b.size + a.size + out.size) / took / 1e9;
      meter.say({ name: `decoding product of ${rows} rows, ${kind}`, unit: "GB/s", value, floor });
    }
    tf.dispose([a, out]);
  }
  tf.dispose(kinds.map(([, b]) => b));
}

/** One query of 32 rows against a cache. */
export async function decodingAttention(meter: GpuMeter, { bandwidth }: CardFloors): Promise<void> {
  const { tiny } = meter, rows = tiny ? 2 : 32, headDim = tiny ? 16 : 256;
  const floor = { of: "copy_gb_per_s", value: bandwidth };
  for (const keys of tiny ? [300] : [512, 1024, 2048, 4096]) {
    const q = random([rows, 1, 4, headDim]) as tf.Tensor4D;
    const [k, v] = [0, 1].map(() => random([rows, keys, 1, headDim]) as tf.Tensor4D);
    const numbers = { scale: headDim ** -0.5, queryOffset: keys - 1 };
    const took = await meter.each(
      () => tf.dispose(Object.values(attentionForward(q, k, v, null, numbers))),
      tiny ? 2 : 20,
    );
    const value = 4 * (k.size + v.size) / took / 1e9;
    meter.say({ name: `attention of ${rows} rows to ${keys} keys`, unit: "GB/s", value, floor });
    tf.dispose([q, k, v]);
  }
}

/** The sampler by filter: ms for 32 rows. */
export async function sampler(meter: GpuMeter, { bandwidth }: CardFloors): Promise<void> {
  const { tiny } = meter,
    rows = tiny ? 2 : 32,
    vocabulary = tiny ? 500 : 262_144,
    logits = random([rows, vocabulary]) as tf.Tensor2D;
  const seeds = tf.zeros([rows], "int32"),
    floor = { of: "reading the logits once", value: 4 * logits.size / bandwidth / 1e6 };
  for (
    const [name, filter] of Object.entries({
      "no filter": {},
      "top-k": { topK: 50 },
      "top-p": { topP: 0.9 },
      "min-p": { minP: 0.05 },
    })
  ) {
    const draw = () => tf.dispose(Object.values(sampleTokens(logits, { ...filter, seeds, counter: 1 })));
    const took = await meter.each(draw, tiny ? 2 : 10);
    meter.say({ name: `sampler of ${rows} rows, ${name}`, unit: "ms", value: took * 1e3, floor });
  }
  tf.dispose([logits, seeds]);
}

/** What decoding one token of each of `rows` completions must read and compute, counted over the tensors of a decoder. */
export function decodingCost(
  { layers, head, heads, kvHeads, headDim }: DecoderDescription,
  { rows, keys }: { rows: number; keys: number },
): { bytes: number; flop: number } {
  const matrices = layers.flatMap(({ query, key, value, output, gate, up, down }) =>
    [query, key, value, output, gate, up, down].flatMap(({ weight, lora }) =>
      lora ? [weight, lora.a, lora.b] : [weight]
    )
  ).concat(head);
  const numbers = matrices.reduce((sum, matrix) => sum + matrix.shape[0] * formOf(matrix).shape[1], 0);
  const seen = layers.reduce((sum, { window }) => sum + Math.min(keys, window || keys), 0);
  return {
    bytes: 4 * matrices.reduce((sum, { size }) => sum + size, 0) + 8 * rows * seen * kvHeads * headDim,
    flop: rows * (2 * numbers + 4 * seen * heads * headDim),
  };
}
