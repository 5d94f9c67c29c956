/**
 * What a GPU gives, in ten minutes. The card's own floors first: a launch, a copy, multiply-adds in registers. Then the parts: products at
 * real shapes with each tiling forced and beside stock tfjs-webgpu, decoding products in 32 to 4 bits, attention to a cache, the sampler;
 * then sampling, an SFT step and a GRPO step with LoRA on a random model of Gemma 3 270M's or 1B's shape. Times of kernels are the
 * GPU's own, by timestamps, where the adapter writes them; steps are told by the clock, by the GPU and by the thread that records.
 *
 * Medians; at the end one table of figure, floor and ratio, with what was promised and whether it is met, and one JSON line. With what
 * `gpu_torch.py` printed on the same card PyTorch's figures stand in the table too. `--minutes` drops repeats and no part. A software
 * adapter is taken only with `--tiny`, whose sizes show that everything runs and agrees, not how fast a GPU is. One file for a machine
 * with nothing but Deno:
 *
 *     python tests/bench/gpu_torch.py [--tiny] [--shape 270m|1b] > torch.json
 *     deno run -A tests/bench/gpu.ts [--tiny] [--minutes 10] [--times 5] [--shape 270m|1b] [--torch torch.json]
 *     deno bundle -o gpu.js tests/bench/gpu.ts && deno run -A --unstable-webgpu gpu.js
 */
import { parseArgs } from "node:util";
import { openWebgpuDevice } from "../../lib/backend/webgpu_device.ts";
import { compiledPipelines } from "../../lib/kernels/webgpu/pipelines.ts";
import { Decoder } from "../../lib/models/decoder.ts";
import type { DecoderConfig } from "../../lib/models/decoder_config.ts";
import { initialWeights } from "../../lib/models/initial_weights.ts";
import { addLora } from "../../lib/models/lora.ts";
import { BenchBudget } from "./gpu_budget.ts";
import { GpuMeter } from "./gpu_meter.ts";
import {
  cardFloors,
  decodingAttention,
  decodingProducts,
  sampler,
  squareProducts,
  tiledProducts,
} from "./gpu_parts.ts";
import { sampling } from "./gpu_sampling.ts";
import { grpoStep, sftStep } from "./gpu_steps.ts";
import { gpuTable, readTorch, tableText } from "./gpu_table.ts";
import { hasTimestamps } from "./gpu_time.ts";

const { values } = parseArgs({
  options: {
    tiny: { type: "boolean", default: false },
    times: { type: "string", default: "5" },
    minutes: { type: "string", default: "10" },
    torch: { type: "string" },
    shape: { type: "string", default: "270m" },
  },
});
const { tiny } = values;
/** In the order in which they are run. */
const parts = [
  "the card",
  "tiled products",
  "products beside stock",
  "decoding products",
  "attention to a cache",
  "sampler",
  "weights",
  "sampling",
  "SFT step",
  "GRPO step",
] as const;
const budget = new BenchBudget({ minutes: Number(values.minutes), times: Number(values.times), parts });

/** Widths and depth of google/gemma-3-270m and gemma-3-1b. */
const shapes: Record<string, { hiddenSize: number; intermediateSize: number; layers: number }> = {
  "270m": { hiddenSize: 640, intermediateSize: 2048, layers: 18 },
  "1b": { hiddenSize: 1152, intermediateSize: 6912, layers: 26 },
};
const shape = tiny ? { hiddenSize: 32, intermediateSize: 64, layers: 2 } : shapes[values.shape];
if (!shape) throw new RangeError(`--shape must be one of ${Object.keys(shapes)}, got ${values.shape}`);
// before anything is measured: a file that does not fit should not cost ten minutes
const torch = values.torch === undefined
  ? null
  : await readTorch(values.torch, { tiny, shape: values.shape });

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

const meter = new GpuMeter(tiny, budget);
/** Runs a part and says what it took. */
async function part<T>(name: typeof parts[number], run: () => Promise<T>): Promise<T> {
  console.log(`\n${name}`);
  const { value, said } = await budget.part(name, run);
  console.log(said);
  return value;
}
console.log(
  hasTimestamps()
    ? "kernels are timed by the GPU's timestamps"
    : "the adapter has no timestamp-query: kernels are timed by the clock, the GPU's share of a step is not told",
);

const floors = await part("the card", () => cardFloors(meter));
await part("tiled products", () => tiledProducts(meter, floors));
await part("products beside stock", () => squareProducts(meter, floors));
await part("decoding products", () => decodingProducts(meter, floors));
await part("attention to a cache", () => decodingAttention(meter, floors));
await part("sampler", () => sampler(meter, floors));
const weights = await part(
  "weights",
  () => Promise.resolve(initialWeights(config, { seed: 1, standardDeviation: 0.02 })),
);
await part("sampling", async () => {
  const decoder = new Decoder(config, weights);
  await sampling(meter, decoder, floors);
  decoder.dispose();
});
const decoder = new Decoder(config, weights);
addLora(decoder, { rank: 16 });
await part("SFT step", () => sftStep(meter, decoder));
await part("GRPO step", () => grpoStep(meter, decoder));
decoder.dispose();

const pipelines = compiledPipelines(),
  milliseconds = pipelines.reduce((sum, one) => sum + one.milliseconds, 0);
const slowest = pipelines.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, 5)
  .map(({ name, milliseconds }) => `${name.split("/")[0]} ${milliseconds.toFixed(0)}`);
console.log(
  `\n${pipelines.length} pipelines in ${milliseconds.toFixed(0)} ms; slowest ${slowest.join(", ")}`,
);
const results = { device: name, tiny, shape: values.shape, figures: meter.figures };
const table = gpuTable(results, torch);
console.log(
  `\n${name}${torch ? `, PyTorch on ${torch.device}` : ", without PyTorch's figures: --torch FILE"}${
    tiny ? "; sizes of --tiny, which say nothing of a card" : ""
  }\n${tableText(table)}`,
);
const seconds = Object.values(budget.seconds).reduce((sum, part) => sum + part, 0);
console.log(`\n${(seconds / 60).toFixed(1)} minutes of ${values.minutes}`);
console.log(
  JSON.stringify({
    ...results,
    pipelines,
    seconds: budget.seconds,
    table,
  }),
);
