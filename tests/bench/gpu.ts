/**
 * What a GPU gives. First the parts, each beside what the card could at best do by the copy bandwidth and the best product of the same
 * run: a launch, a read-back, tiled products, decoding products in 32 to 4 bits, attention to a cache, the sampler. Then matrix
 * products, sampling, an SFT step and a GRPO step with LoRA on a random model of Gemma 3 270M's or 1B's shape, recording apart, the first
 * two against stock tfjs-webgpu. `gpu_torch.py` gives the same of PyTorch.
 * Medians; a readable table, then one JSON line. A software adapter is taken only with `--tiny`, whose sizes show that everything
 * runs and agrees, not how fast a GPU is. One file for a machine with nothing but Deno:
 *
 *     deno run -A tests/bench/gpu.ts [--tiny] [--times 5] [--shape 270m|1b]
 *     deno bundle -o gpu.js tests/bench/gpu.ts && deno run -A --unstable-webgpu gpu.js
 */
import * as tf from "@tensorflow/tfjs";
import { parseArgs } from "node:util";
import { openWebgpuDevice } from "../../lib/backend/webgpu_device.ts";
import { Random } from "../../lib/random/random.ts";
import { computeByReference } from "../../lib/kernels/device.ts";
import { installKernels } from "../../lib/kernels/webgpu/install_kernels.ts";
import { compiledPipelines } from "../../lib/kernels/webgpu/pipelines.ts";
import { launchCount } from "../../lib/kernels/webgpu/program.ts";
import { Decoder } from "../../lib/models/decoder.ts";
import type { DecoderConfig } from "../../lib/models/decoder_config.ts";
import { generate } from "../../lib/generation/generate.ts";
import { initialWeights } from "../../lib/models/initial_weights.ts";
import { addLora } from "../../lib/models/lora.ts";
import { adamw } from "../../lib/ops/adamw.ts";
import { Layout } from "../../lib/ops/layout.ts";
import { tokenLogprobs } from "../../lib/ops/token_logprobs.ts";
import {
  decodingAttention,
  decodingCost,
  decodingProducts,
  type GpuFigure,
  launchesAndCopies,
  sampler,
  tiledProducts,
} from "./gpu_parts.ts";
import { halved } from "../kernels/webgpu/tiny_decoder.ts";
import { gpuSeconds, grpoStep } from "./gpu_steps.ts";
import { stockDecode } from "./stock_decode.ts";

const { values } = parseArgs({
  options: {
    tiny: { type: "boolean", default: false },
    times: { type: "string", default: "5" },
    shape: { type: "string", default: "270m" },
  },
});
const { tiny } = values, times = Number(values.times);
if (!(Number.isInteger(times) && times > 0)) {
  throw new RangeError(`--times must be a whole number from 1, got ${values.times}`);
}

/** Widths and depth of google/gemma-3-270m and gemma-3-1b. */
const shapes: Record<string, { hiddenSize: number; intermediateSize: number; layers: number }> = {
  "270m": { hiddenSize: 640, intermediateSize: 2048, layers: 18 },
  "1b": { hiddenSize: 1152, intermediateSize: 6912, layers: 26 },
};
const shape = tiny ? { hiddenSize: 32, intermediateSize: 64, layers: 2 } : shapes[values.shape];
if (!shape) throw new RangeError(`--shape must be one of ${Object.keys(shapes)}, got ${values.shape}`);

const { name, features, limits } = await openWebgpuDevice({ allowSoftware: tiny });
console.log(
  `${name}; ${
    features.join(", ") || "no optional features"
  }; binds ${limits.maxStorageBufferBindingSize} bytes`,
);

const { layers } = shape;
/** The model of that shape, or the same parts a thousandth as large. */
const config: DecoderConfig = {
  architecture: "gemma3_text",
  vocabSize: tiny ? 500 : 262_144,
  ...shape,
  heads: 4,
  kvHeads: 1,
  headDim: tiny ? 16 : 256,
  rmsEps: 1e-6,
  rmsAddOne: true,
  qkNorm: true,
  postNorms: true,
  activation: "gelu_tanh",
  embeddingScale: Math.sqrt(shape.hiddenSize),
  queryScale: (tiny ? 16 : 256) ** -0.5,
  attentionSoftcap: null,
  finalSoftcap: null,
  tiedEmbeddings: true,
  attentionBias: false,
  outputBias: false,
  mlpBias: false,
  layerWindows: Array.from({ length: layers }, (_, i) => i % 6 === 5 ? null : 512),
  layerRope: Array.from(
    { length: layers },
    (_, i) => ({ base: i % 6 === 5 ? 1_000_000 : 10_000, scaling: null }),
  ),
  maxPositions: 32_768,
  bosId: 2,
  eosIds: [],
  padId: 0,
};

const results: Record<string, number> = {};
const say = (line: string) => console.log(line);

/** Median seconds of `work`, which ends with a read-back, after one run that compiles its pipelines. */
async function seconds(work: () => Promise<unknown>): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i <= times; i++) {
    const from = performance.now();
    await work();
    taken.push((performance.now() - from) / 1000);
  }
  return taken.slice(1).sort((a, b) => a - b)[times >> 1];
}

/** Runs with our kernels in tfjs's place, or with tfjs's own. */
async function withKernels<T>(ours: boolean, run: () => Promise<T>): Promise<T> {
  const undo = installKernels();
  if (!ours) undo();
  try {
    return await run();
  } finally {
    if (ours) undo();
  }
}

const noise = (shape: [number, number], scale = 0.02): tf.Tensor2D => {
  const random = new Random(1), data = new Float32Array(shape[0] * shape[1]);
  for (let i = 0; i < data.length; i++) data[i] = (2 * random.next() - 1) * scale;
  return tf.tensor2d(data, shape);
};

/** The sum's first number: waits for all that came before, and costs one read-back. */
async function settle(tensor: tf.Tensor): Promise<number> {
  const one = tf.tidy(() => tf.slice(tf.reshape(tensor, [-1]), [0], [1])), [value] = await one.data();
  one.dispose();
  return value;
}

async function products(): Promise<void> {
  for (const size of tiny ? [48] : [1024, 2048, 4096]) {
    const a = noise([size, size], 1), b = noise([size, size], 1), runs = tiny ? 2 : 20;
    const values: number[] = [];
    for (const ours of [true, false]) {
      const took = await withKernels(ours, () =>
        seconds(async () => {
          for (let i = 1; i < runs; i++) tf.matMul(a, b).dispose();
          const last = tf.matMul(a, b);
          values.push(await settle(last));
          last.dispose();
        }));
      const rate = 2 * size ** 3 * runs / took / 1e12,
        key = `matmul_${size}_tflops_${ours ? "ours" : "stock"}`;
      say(`${key.padEnd(34)} ${(results[key] = rate).toPrecision(4)}`);
    }
    if (Math.abs(values[0] - values.at(-1)!) > 1e-3 * size ** 0.5) {
      throw new Error(`ours and stock products differ: ${values[0]} and ${values.at(-1)}`);
    }
    tf.dispose([a, b]);
  }
}

/** Bytes and operations of a token, by count. */
function costs(decoder: Decoder, kind: string): void {
  for (const rows of [1, 8, 32]) {
    const { bytes, flop } = decodingCost(decoder.describe(512), { rows, keys: 512 });
    say(
      `a token of ${rows} rows at 512 keys, ${kind}: ${(bytes / 1e6).toFixed(2)} MB, ${
        (flop / 1e6).toFixed(2)
      } MFLOP`,
    );
  }
}

async function sampling(decoder: Decoder): Promise<void> {
  const rows = tiny ? 3 : 32, tokens = tiny ? 4 : 128;
  const prompt = Array.from({ length: tiny ? 5 : 64 }, (_, i) => 3 + i * 7 % 400);
  let ids: number[][] = [], launches = 0;
  const ours = async (sampled = decoder, n = rows) => {
    const before = launchCount();
    const drawn = await generate(sampled, [prompt], {
      n,
      maxTokens: tokens,
      temperature: 0,
      eosIds: [],
    });
    launches = launchCount() - before;
    ids = drawn.map(({ tokens }) => tokens);
  };
  const rate = (key: string, took: number) =>
    say(`${key.padEnd(34)} ${(results[key] = rows * tokens / took).toPrecision(4)}`);
  rate("sample_tokens_per_s_ours", await seconds(() => ours()));
  say(`launches a token ${(launches / tokens).toFixed(1)}`);
  costs(decoder, "float32");
  const greedy = ids;
  for (const few of [1, 8]) {
    const key = `sample_tokens_per_s_ours_${few}_rows`, took = await seconds(() => ours(decoder, few));
    say(`${key.padEnd(34)} ${(results[key] = few * tokens / took).toPrecision(4)}`);
  }
  rate(
    "sample_tokens_per_s_stock",
    await seconds(async () => void (ids = await stockDecode(decoder, prompt, { rows, tokens }))),
  );
  const same = greedy.filter((row, i) => row.every((id, t) => id === ids[i][t])).length;
  say(`rows with the same greedy tokens: ${same} of ${rows}`);
  const half = await halved(decoder);
  addLora(half, { rank: 16 });
  costs(half, "LoRA and 16 bits");
  rate("sample_tokens_per_s_ours_lora_f16", await seconds(() => ours(half)));
  half.dispose();
}

/** One update of an adapter of rank 16 on sequences of one length. */
async function sft(decoder: Decoder): Promise<void> {
  const batch = tiny ? 2 : 4, length = tiny ? 9 : 128;
  const sequences = Array.from(
    { length: batch },
    (_, b) => Array.from({ length }, (_, t) => 3 + (b * 131 + t * 17) % (config.vocabSize - 3)),
  );
  const layout = new Layout(sequences),
    targets = tf.tensor1d(sequences.flatMap((row) => [...row.slice(1), 1]), "int32");
  const parameters = decoder.parameters().map(({ variable }) => variable);
  const moments = parameters.map(({ shape }) => ({
    m: tf.tidy(() => tf.variable(tf.zeros(shape), false)),
    v: tf.tidy(() => tf.variable(tf.zeros(shape), false)),
  }));
  // a rate of zero, so that every step starts from the same weights and the losses can be compared
  const update = {
    learningRate: 0,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
    step: 1,
    gradientScale: 1,
  };
  const losses: number[] = [];
  for (const ours of [true, false]) {
    computeByReference(!ours);
    let recording = 0;
    const step = async () => {
      const begun = performance.now();
      const { value, grads } = tf.variableGrads(() => {
        const found = tokenLogprobs(decoder.hidden(layout), decoder.head, targets, { tableTrainable: false });
        return tf.neg(tf.mean(found.logprobs)) as tf.Scalar;
      }, parameters);
      for (const [i, parameter] of parameters.entries()) {
        adamw(parameter, grads[parameter.name], moments[i], update);
      }
      recording = (performance.now() - begun) / 1000;
      losses.push(await settle(value));
      tf.dispose([value, ...Object.values(grads)]);
    };
    const key = `sft_step_s_${ours ? "ours" : "stock"}`, took = await withKernels(ours, () => seconds(step));
    say(`${key.padEnd(34)} ${(results[key] = took).toPrecision(4)}   loss ${losses.at(-1)!.toFixed(5)}`);
    const busy = results[`${key}_gpu`] = await withKernels(ours, () => gpuSeconds(step));
    say(`${"of which the GPU computed".padEnd(34)} ${busy.toPrecision(4)}`);
    say(
      `${"of which it was recorded for".padEnd(34)} ${
        (results[`${key}_recording`] = recording).toPrecision(4)
      }`,
    );
  }
  computeByReference(false);
  tf.dispose([targets, ...moments.flatMap(({ m, v }) => [m, v])]);
  layout.dispose();
  if (Math.abs(losses[0] - losses.at(-1)!) > 1e-3) {
    throw new Error(`losses differ: ${losses[0]} and ${losses.at(-1)}`);
  }
}

/** Median seconds of a read-back with nothing before it. */
async function readBack(): Promise<number> {
  const one = tf.zeros([1]);
  const took = await seconds(() => settle(one));
  one.dispose();
  return took;
}

/** Seconds that each of many launches takes: four times as many less once as many, so that the read-back falls out; NaN below the clock. */
async function secondsEach(record: () => void, runs: number): Promise<number> {
  const last = tf.zeros([1]);
  const take = (count: number) =>
    seconds(async () => {
      for (let i = 0; i < count; i++) record();
      await settle(last);
    });
  const once = await take(runs), more = await take(4 * runs);
  last.dispose();
  return more > once ? (more - once) / (3 * runs) : NaN;
}

async function parts(): Promise<void> {
  const figures: GpuFigure[] = [{ name: "a read-back", unit: "µs", value: 1e6 * await readBack() }];
  const meter = { tiny, seconds: secondsEach, say: (figure: GpuFigure) => void figures.push(figure) };
  const bandwidth = await launchesAndCopies(meter);
  await tiledProducts(meter);
  await decodingProducts(meter, bandwidth);
  await decodingAttention(meter, bandwidth);
  await sampler(meter, bandwidth);
  for (const { name, unit, value, floor } of figures) {
    results[`${name}, ${unit}`] = value;
    // of a time the floor is the least, of a rate the most
    const ratio = floor ? (unit === "ms" || unit === "µs" ? floor / value : value / floor) : NaN;
    const share = Number.isNaN(ratio)
      ? ""
      : `of ${floor!.toPrecision(4).padStart(10)}  ${(100 * ratio).toFixed(0).padStart(4)} %`;
    const shown = Number.isNaN(value) ? "too short" : value.toPrecision(4);
    say(`${name.padEnd(44)} ${shown.padStart(10)} ${unit.padEnd(8)}${share}`);
  }
}

await parts();
await products();
const weights = initialWeights(config, { seed: 1, standardDeviation: 0.02 });
const sampled = new Decoder(config, weights);
await sampling(sampled);
sampled.dispose();
const trained = new Decoder(config, weights);
addLora(trained, { rank: 16 });
await sft(trained);
installKernels();
const grpo = { prompt: tiny ? 5 : 64, completions: tiny ? 3 : 8, tokens: tiny ? 4 : 128 };
const stepParts = await grpoStep(trained, grpo, times);
for (const [part, took] of Object.entries(stepParts)) {
  say(`${`grpo_step_s_${part}`.padEnd(34)} ${(results[`grpo_step_s_${part}`] = took).toPrecision(4)}`);
}
trained.dispose();
const pipelines = compiledPipelines(),
  slowest = [...pipelines].sort((a, b) => b.milliseconds - a.milliseconds).slice(0, 5);
results.pipelines = pipelines.length;
results.pipelines_ms = pipelines.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
say(
  `${results.pipelines} pipelines in ${results.pipelines_ms.toFixed(0)} ms; slowest ${
    slowest.map(({ name, milliseconds }) => `${name} ${milliseconds.toFixed(0)}`).join(", ")
  }`,
);
console.log(JSON.stringify({ device: name, tiny, ...results }));
