/**
 * `deno task bench`: how fast the work is that ../shared/peers/trl_cpu.py does, under the same names, and each fused operation against its
 * tfjs-core reference in the same run. Medians; run it with nothing else running.
 *
 *     deno task bench [--sizes small,medium] [--no-blas] [--threads N]
 */
import * as tf from "@tensorflow/tfjs";
import { parseArgs } from "node:util";
import { type CausalLM, createModel, type Problem, type Reward, useBackend } from "../../mod.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import { trainTokenizer } from "../../lib/data/bpe_trainer.ts";
import { Random } from "../../lib/data/random.ts";
import { generate } from "../../lib/models/generate.ts";
import type { DecoderConfig } from "../../lib/models/decoder_config.ts";
import { rmsNorm, rmsNormReference } from "../../lib/ops/rms_norm.ts";
import { gatedActivation, gatedActivationReference } from "../../lib/ops/gated_activation.ts";
import { project, projectReference } from "../../lib/ops/projection.ts";
import { tokenLogprobs, tokenLogprobsReference } from "../../lib/ops/token_logprobs.ts";
import { Tokenizer } from "../../lib/text/tokenizer.ts";
import { setObserver } from "../../lib/training/observer.ts";
import { backward } from "../../lib/training/backward.ts";
import { AdamW } from "../../lib/training/optimizer.ts";
import { TokenBatch } from "../../lib/training/token_batch.ts";

const vocabulary = 512, promptLength = 32, newTokens = 64, prompts = 4, group = 8;
const shapes = { small: [128, 4], medium: [256, 6] } as const;

function configOf(width: number, layers: number): DecoderConfig {
  return {
    architecture: "gemma3_text",
    vocabSize: vocabulary,
    hiddenSize: width,
    intermediateSize: 4 * width,
    layers,
    heads: 4,
    kvHeads: 4,
    headDim: width / 4,
    rmsEps: 1e-6,
    rmsAddOne: true,
    qkNorm: true,
    postNorms: true,
    activation: "gelu_tanh",
    embeddingScale: Math.sqrt(width),
    queryScale: (width / 4) ** -0.5,
    attentionSoftcap: null,
    finalSoftcap: null,
    tiedEmbeddings: true,
    attentionBias: false,
    outputBias: false,
    mlpBias: false,
    layerWindows: Array.from({ length: layers }, () => 256),
    layerRope: Array.from({ length: layers }, () => ({ base: 10000, scaling: null })),
    maxPositions: 256,
    bosId: 2,
    eosIds: [],
    padId: 0,
  };
}

async function median(times: number, work: () => unknown): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i <= times; i++) {
    const from = performance.now();
    await work();
    seconds.push((performance.now() - from) / 1000);
  }
  return seconds.slice(1).sort((a, b) => a - b)[times >> 1];
}

const { values } = parseArgs({
  args: Deno.args,
  options: {
    sizes: { type: "string", default: "small,medium" },
    "no-blas": { type: "boolean", default: false },
    threads: { type: "string" },
    start: { type: "string" },
  },
});
setObserver(null);
console.log(
  await useBackend({
    backend: "cpu",
    blas: !values["no-blas"],
    threads: values.threads ? Number(values.threads) : undefined,
  }),
);

const files = trainTokenizer(["w ".repeat(100)], { vocabularySize: vocabulary }),
  tokenizer = new Tokenizer(files.tokenizer, files.tokenizerConfig);
if (values.start) {
  // a process of its own, timed from outside: from its start to the end of its first GRPO step
  await grpoSteps(values.start as keyof typeof shapes, 1);
  Deno.exit(0);
}

console.log("\nFused operations, forward and backward, 3072 rows of the small shape, ms");
{
  const normal = (...shape: number[]) =>
    tf.randomNormal(shape as [number, number], 0, 1, "float32", 7) as tf.Tensor2D;
  const x = normal(3072, 128),
    w = normal(128, 1).reshape([128]) as tf.Tensor1D,
    gateUp = normal(3072, 1024),
    weight = normal(512, 128),
    table = normal(512, 128);
  const targets = tf.randomUniform([3072], 0, 512, "int32", 3) as tf.Tensor1D;
  const cases: [string, tf.Tensor[], (...x: tf.Tensor[]) => tf.Tensor, (...x: tf.Tensor[]) => tf.Tensor][] = [
    [
      "rmsNorm",
      [x, w],
      (x, w) => rmsNorm(x as tf.Tensor2D, w as tf.Tensor1D, { epsilon: 1e-6 }),
      (x, w) => rmsNormReference(x as tf.Tensor2D, w as tf.Tensor1D, { epsilon: 1e-6 }),
    ],
    [
      "gatedActivation",
      [gateUp],
      (x) => gatedActivation(x as tf.Tensor2D, "gelu_tanh"),
      (x) => gatedActivationReference(x as tf.Tensor2D, "gelu_tanh"),
    ],
    [
      "project 128→512",
      [x, weight],
      (x, w) => project(x as tf.Tensor2D, [{ weight: w as tf.Tensor2D, trainable: true }]),
      (x, w) => projectReference(x as tf.Tensor2D, [{ weight: w as tf.Tensor2D, trainable: true }]),
    ],
    [
      "tokenLogprobs",
      [x, table],
      (x, t) => tokenLogprobs(x as tf.Tensor2D, t as tf.Tensor2D, targets).logprobs,
      (x, t) => tokenLogprobsReference(x as tf.Tensor2D, t as tf.Tensor2D, targets).logprobs,
    ],
  ];
  for (const [name, inputs, fused, reference] of cases) {
    const time = (f: typeof fused) =>
      median(
        5,
        () => tf.tidy(() => void tf.grads((...x) => tf.sum(f(...x)))(inputs).map((g) => g.dataSync())),
      );
    const ours = await time(fused), theirs = await time(reference);
    console.log(
      `  ${name.padEnd(18)} ${(ours * 1000).toFixed(1).padStart(8)}   reference ${
        (theirs * 1000).toFixed(1).padStart(8)
      }   ×${(theirs / ours).toFixed(1)}`,
    );
  }
}

const results: Record<string, Record<string, number>> = {
  grpo_step_s: {},
  sample_tokens_per_s: {},
  sft_step_s: {},
  start_s: {},
  peak_rss_mb: {},
};
for (const size of values.sizes.split(",") as (keyof typeof shapes)[]) {
  const random = new Random(0),
    model = createModel(configOf(shapes[size][0], shapes[size][1]), { tokenizer, seed: 0 });
  const ids = (count: number) => Array.from({ length: count }, () => random.between(4, vocabulary - 1));
  const batch = new TokenBatch(
    Array.from(
      { length: prompts * group },
      () => ({ prompt: ids(1), completion: ids(promptLength + newTokens - 1) }),
    ),
  );
  const optimizer = new AdamW(model.decoder.parameters());
  results.sft_step_s[size] = await median(7, async () => {
    const { gradients } = await backward(
      model.decoder,
      batch,
      ({ logprobs }) => ({
        loss: -logprobs.reduce((a, b) => a + b, 0) / logprobs.length,
        gradient: new Float32Array(logprobs.length).fill(-1 / logprobs.length),
      }),
    );
    await optimizer.step(gradients, { learningRate: 1e-3 });
  });
  batch.dispose();
  optimizer.dispose();
  const sampling = Array.from({ length: prompts * group }, () => ids(promptLength));
  results.sample_tokens_per_s[size] = prompts * group * newTokens /
    await median(3, () => generate(model.decoder, sampling, { maxTokens: newTokens, eosIds: [] }));
  const run = await grpoSteps(size, 8, model);
  results.grpo_step_s[size] = run.steps.slice(1).map(({ seconds }) => seconds.total).sort((a, b) => a - b)[3];
  const from = performance.now(), flags = values["no-blas"] ? ["--no-blas"] : [];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", import.meta.filename!, "--start", size, ...flags],
    stdout: "null",
  });
  if (!(await child.output()).success) throw new Error("the process that times the start failed");
  results.start_s[size] = (performance.now() - from) / 1000;
  results.peak_rss_mb[size] = peakMegabytes();
  model.dispose();
  console.log(
    `\n${size}: SFT step ${results.sft_step_s[size].toFixed(3)} s, sampling ${
      results.sample_tokens_per_s[size].toFixed(0)
    } tokens/s, GRPO step ${results.grpo_step_s[size].toFixed(3)} s`,
  );
}
console.log(JSON.stringify(results, (_, x) => typeof x === "number" ? Number(x.toPrecision(4)) : x));
Deno.exit(0);

/** GRPO as trl_cpu.py runs it: 4 prompts of about 32 tokens, 8 completions of at most 64, beta 0.03, temperature 1. */
async function grpoSteps(size: keyof typeof shapes, steps: number, given?: CausalLM) {
  const model = given ?? createModel(configOf(shapes[size][0], shapes[size][1]), { tokenizer, seed: 0 }),
    random = new Random(1);
  const letter = () => String.fromCharCode(97 + random.int(26));
  const problems: Problem[] = Array.from({ length: 200 }, (_, i) => ({
    id: String(i),
    question: Array.from({ length: 10 }, letter).join(" "),
    answer: "",
    difficulty: "easy",
    domain: "maths",
  }));
  const reward: Reward = {
    names: ["variety"],
    weights: () => ({ variety: 1 }),
    score: (samples) =>
      Promise.resolve(samples.map(({ completion }) => {
        const score = new Set(completion).size / newTokens;
        return { total: score, components: { variety: { score, weight: 1 } } };
      })),
    toJSON: () => "variety",
  };
  return await grpo(model, problems, {
    steps,
    promptsPerStep: prompts,
    generations: group,
    maxTokens: newTokens,
    beta: 0.03,
    temperature: 1,
    learningRate: 1e-6,
    reward,
  });
}

/** The process's largest resident memory so far, from the kernel; NaN where there is no /proc. */
function peakMegabytes(): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]) / 1024;
  } catch {
    return NaN;
  }
}
