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

/** A line of the table: a figure, and what the card could at best do, in the same unit. */
export interface GpuFigure {
  name: string;
  unit: "µs" | "ms" | "GB/s" | "TFLOP/s";
  value: number;
  /** From the copy bandwidth or the best product rate of the same run; absent where there is none. */
  floor?: number;
}

/** What a run measures with. */
export interface GpuMeter {
  tiny: boolean;
  /** Seconds that each of `runs` launches recorded by `record` takes; NaN where that is too short to tell. */
  seconds(record: () => void, runs: number): Promise<number>;
  say(figure: GpuFigure): void;
}

const random = (shape: number[]) => tf.randomNormal(shape, 0, 0.1, "float32", 1);

/** µs a launch and GB/s of a copy; gives the bandwidth. */
export async function launchesAndCopies({ tiny, seconds, say }: GpuMeter): Promise<number> {
  const small = tf.zeros([64]), size = tiny ? 1 << 16 : 1 << 24, runs = tiny ? 8 : 200;
  const body = "y[index] = x[index];", to = output([size]), from = tf.zeros([size]), other = output([64]);
  const copy = (x: tf.Tensor, y: tf.Tensor) =>
    launch({ key: "bench/copy", groups: x.size / 64, reads: { x }, writes: { y }, body });
  const each = await seconds(() => copy(small, other), runs);
  say({ name: "a launch", unit: "µs", value: each * 1e6 });
  const bandwidth = 8 * size / await seconds(() => copy(from, to), runs / 4) / 1e9;
  say({ name: `copy of ${size >> 18} MB`, unit: "GB/s", value: bandwidth });
  tf.dispose([small, to, from, other]);
  return bandwidth;
}

/** Products at the shapes of a layer of the 270M and the 1B model, each tiling forced, held to the best of them. */
export async function tiledProducts({ tiny, seconds, say }: GpuMeter): Promise<void> {
  const shapes = tiny
    ? [[40, 64, 48]]
    : [[4096, 640, 4096], [4096, 2048, 640], [4096, 1152, 13_824], [16, 640, 4096]];
  const found: GpuFigure[] = [];
  for (const [rows, inner, columns] of shapes) {
    const a = random([rows, inner]),
      b = random([columns, inner]) as tf.Tensor2D,
      out = output([rows, columns]);
    const product = settled({ a, factors: [{ b, columns, inner }], out, rows, transposeB: true });
    for (const name of Object.keys(tilings) as TilingName[]) {
      const took = await seconds(() => multiplyTiles(product, name), tiny ? 2 : 20);
      const value = 2 * rows * inner * columns / took / 1e12;
      found.push({ name: `${rows} × ${inner} by ${columns}, ${name} tiles`, unit: "TFLOP/s", value });
    }
    tf.dispose([a, b, out]);
  }
  const best = Math.max(0, ...found.map(({ value }) => value).filter((value) => !Number.isNaN(value)));
  for (const figure of found) say({ ...figure, floor: best });
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
export async function decodingProducts({ tiny, seconds, say }: GpuMeter, bandwidth: number): Promise<void> {
  const inner = tiny ? 64 : 640, columns = tiny ? 128 : 32_768;
  const kinds: [string, tf.Tensor2D][] = [
    ["32 bits", random([columns, inner]) as tf.Tensor2D],
    // any words are 16-bit numbers
    ["16 bits", tf.zeros([columns, inner / 2], "int32") as tf.Tensor2D],
    ["8 bits", quantisedTensor(quantised(columns, inner, 8))],
    ["4 bits", quantisedTensor(quantised(columns, inner, 4))],
  ];
  for (const rows of [1, 8, 32]) {
    const a = random([rows, inner]), out = output([rows, columns]);
    for (const [kind, b] of kinds) {
      const product = { a, factors: [{ b, columns, inner }], out, rows, transposeB: true };
      const took = await seconds(() => multiply(product), tiny ? 2 : 50);
      const value = 4 * (b.size + a.size + out.size) / took / 1e9;
      say({ name: `decoding product of ${rows} rows, ${kind}`, unit: "GB/s", value, floor: bandwidth });
    }
    tf.dispose([a, out]);
  }
  tf.dispose(kinds.map(([, b]) => b));
}

/** One query of 32 rows against a cache. */
export async function decodingAttention({ tiny, seconds, say }: GpuMeter, bandwidth: number): Promise<void> {
  const rows = tiny ? 2 : 32, headDim = tiny ? 16 : 256;
  for (const keys of tiny ? [300] : [512, 1024, 2048, 4096]) {
    const q = random([rows, 1, 4, headDim]) as tf.Tensor4D;
    const [k, v] = [0, 1].map(() => random([rows, keys, 1, headDim]) as tf.Tensor4D);
    const numbers = { scale: headDim ** -0.5, queryOffset: keys - 1 };
    const took = await seconds(
      () => tf.dispose(Object.values(attentionForward(q, k, v, null, numbers))),
      tiny ? 2 : 20,
    );
    const value = 4 * (k.size + v.size) / took / 1e9;
    say({ name: `attention of ${rows} rows to ${keys} keys`, unit: "GB/s", value, floor: bandwidth });
    tf.dispose([q, k, v]);
  }
}

/** The sampler by filter: ms for 32 rows. */
export async function sampler({ tiny, seconds, say }: GpuMeter, bandwidth: number): Promise<void> {
  const rows = tiny ? 2 : 32,
    vocabulary = tiny ? 500 : 262_144,
    logits = random([rows, vocabulary]) as tf.Tensor2D;
  const seeds = tf.zeros([rows], "int32"), floor = 4 * logits.size / bandwidth / 1e6;
  for (
    const [name, filter] of Object.entries({
      "no filter": {},
      "top-k": { topK: 50 },
      "top-p": { topP: 0.9 },
      "min-p": { minP: 0.05 },
    })
  ) {
    const draw = () => tf.dispose(Object.values(sampleTokens(logits, { ...filter, seeds, counter: 1 })));
    const took = await seconds(draw, tiny ? 2 : 10);
    say({ name: `sampler of ${rows} rows, ${name}`, unit: "ms", value: took * 1e3, floor });
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
