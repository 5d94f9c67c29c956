/** What a run began with, and what it refuses to go on with. */
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { Problem } from "../../lib/data/problem.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import type { LoraOptions } from "../../lib/models/lora_options.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import { resume } from "../../lib/stages/resume.ts";
import { sft } from "../../lib/stages/sft.ts";
import { CheckpointError } from "../../lib/training/checkpoint.ts";
import { digits, problems, tinyModel } from "../training/tiny_model.ts";
import { test } from "./in_folder.ts";

/** A stage of the tiny model that ends after 3 of 6 steps, with its checkpoint in `folder`. */
async function stopped(stage: "sft" | "grpo", folder: string, lora: LoraOptions | null): Promise<void> {
  const model = modelWith(lora), stop = new AbortController();
  const options = {
    steps: 6,
    checkpoints: folder,
    signal: stop.signal,
    onStep: ({ step }: { step: number }) => step === 3 && stop.abort(),
  };
  const run = stage === "sft"
    ? await sft(model, problems, { ...options, batchSize: 4 })
    : await grpo(model, problems, {
      ...options,
      promptsPerStep: 1,
      generations: 2,
      maxTokens: 4,
      reward: digits,
    });
  assert.deepEqual([run.ended, run.steps.length], ["interrupted", 3]);
  model.dispose();
}

function modelWith(lora: LoraOptions | null, change: (model: CausalLM) => void = () => {}): CausalLM {
  const model = tinyModel();
  change(model);
  if (lora) model.addLora(lora);
  return model;
}

/** Another base of the same shapes. */
function otherBase(model: CausalLM): void {
  const weight = model.decoder.weight("model.layers.0.self_attn.q_proj.weight") as unknown as tf.Variable;
  tf.tidy(() => weight.assign(tf.reverse(weight)));
}

const lora = { rank: 2, alpha: 8, targets: ["q_proj", "k_proj"] };
const changed = (index: number, change: Partial<Problem>) =>
  problems.map((problem, i) => i === index ? { ...problem, ...change } : problem);

const cases: {
  title: string;
  began: LoraOptions | null;
  model?: () => CausalLM;
  problems?: Problem[];
  says: RegExp;
}[] = [
  {
    title: "fewer problems",
    began: null,
    problems: problems.slice(0, 6),
    says: /the run began with 24 problems, these are 6\. /,
  },
  {
    title: "more problems",
    began: null,
    problems: [...problems, ...problems],
    says: /24 problems, these are 48/,
  },
  {
    title: "a problem that asks something else",
    began: null,
    problems: changed(20, { question: "What is 1 plus 1?" }),
    says: /24 problems, these are 24 others, or in another order/,
  },
  {
    title: "another answer to a problem",
    began: lora,
    problems: changed(3, { answer: "0" }),
    says: /24 problems, these are 24 others/,
  },
  {
    title: "the problems in another order",
    began: null,
    problems: problems.toReversed(),
    says: /24 problems, these are 24 others, or in another order/,
  },
  {
    title: "an adapter on fewer layers",
    began: lora,
    model: () => modelWith({ ...lora, targets: ["q_proj"] }),
    says: /the run's adapter is on model.layers.0.self_attn.k_proj too, the model's is not/,
  },
  {
    title: "an adapter on more layers",
    began: lora,
    model: () => modelWith({ ...lora, targets: "all" }),
    says: /the model's adapter is on .* too, the run's is not/,
  },
  {
    title: "an adapter of another alpha",
    began: lora,
    model: () => modelWith({ ...lora, alpha: 64 }),
    says: /scale \(α\/rank\) 4 on .*, the model's has 32/,
  },
  {
    title: "an adapter of another rank",
    began: lora,
    model: () => modelWith({ ...lora, rank: 4, alpha: 16 }),
    says: /rank 2 on .*, the model's has 4/,
  },
  {
    title: "an adapter of another scaling",
    began: lora,
    model: () => modelWith({ ...lora, rankStabilized: true }),
    says: /scale \(α\/rank\) 4 on/,
  },
  {
    title: "an adapter with dropout",
    began: lora,
    model: () => modelWith({ ...lora, dropout: 0.1 }),
    says: /dropout 0 on .*, the model's has 0.1/,
  },
  {
    title: "an adapter where all weights were trained",
    began: null,
    model: () => modelWith(lora),
    says: /the run trains all weights, and here an adapter would be trained/,
  },
  {
    title: "all weights where an adapter was trained",
    began: lora,
    model: () => modelWith(null),
    says: /the run trains an adapter, and here all weights would be trained/,
  },
  {
    title: "another base under the adapter",
    began: lora,
    model: () => modelWith(lora, otherBase),
    says: /the base has other weights in model.layers.0.self_attn.q_proj.weight/,
  },
];

for (const { title, began, model: make, problems: given = problems, says } of cases) {
  test(`resume() refuses to go on with ${title}`, async (folder) => {
    for (const stage of ["sft", "grpo"] as const) {
      const checkpoints = `${folder}/${stage}`;
      await stopped(stage, checkpoints, began);
      const model = make?.() ?? modelWith(began);
      await assert.rejects(
        resume(model, checkpoints, { problems: given, reward: digits }),
        (error: Error) =>
          error instanceof CheckpointError && says.test(error.message) && /restoreModel/.test(error.message),
      );
      model.dispose();
      // and the same beginning goes on
      const same = modelWith(began);
      const run = await resume(same, checkpoints, { problems, reward: digits });
      assert.deepEqual([run.ended, run.steps.length], ["finished", 6]);
      same.dispose();
    }
  });
}

test("sft() refuses to go on with demonstrations that came to the model otherwise", async (folder) => {
  await stopped("sft", folder, null);
  for (
    const other of [{ systemPrompt: "Think." }, { maxLength: 30 }, { demonstrations: { terse: 1, full: 0 } }]
  ) {
    const model = tinyModel();
    await assert.rejects(
      sft(model, problems, { steps: 6, batchSize: 4, ...other, resumeFrom: folder }),
      /24 problems came to the model as other tokens than these \d+|none|at least one demonstration/,
    );
    model.dispose();
  }
});
