/**
 * A training process to be killed: trains a tiny model on the CPU, a checkpoint a step, going on from the newest one below `root`.
 * Prints `ready`, then `step N` once step N is saved, and at the end a line of JSON with what must come out the same.
 */
import { createHash } from "node:crypto";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import { sft } from "../../lib/stages/sft.ts";
import { latestCheckpoint, loadCheckpoint } from "../../lib/training/checkpoint.ts";
import { digits, problems, tinyModel } from "./tiny_model.ts";

/** What the process is told, as JSON in its only argument. */
export interface ProcessOptions {
  stage: "sft" | "grpo";
  steps: number;
  /** Where the checkpoints are. */
  root: string;
  /** Trains an adapter on frozen weights, whose reference policy is the adapter off. */
  lora?: boolean;
  /** Steps between refreshes of GRPO's reference. */
  referenceEvery?: number;
  /** Ends the run by its signal after this step, as a person's stop does. */
  stopAfter?: number;
}

/** What must come out the same however often the process was killed. */
export interface ProcessResult {
  /** SHA-256 of the weights and the optimizer's moments. */
  tensors: string;
  /** SHA-256 of all metrics of all steps but the times. */
  metrics: string;
  losses: number[];
  completions: string[];
}

if (import.meta.main) {
  const { stage, steps, root, lora, referenceEvery, stopAfter }: ProcessOptions = JSON.parse(Deno.args[0]);
  await useBackend({ backend: "cpu" });
  const model = tinyModel();
  if (lora) model.addLora({ rank: 4 });

  const resumeFrom = await latestCheckpoint(root) ?? undefined;
  const stop = new AbortController();
  const onStep = ({ step }: { step: number }) => {
    // A step is saved after this call, so the one before is.
    if (step > 1) console.log(`step ${step - 1}`);
    if (step === stopAfter) stop.abort();
  };
  const common = {
    steps,
    checkpoints: root,
    checkpointEvery: 1,
    resumeFrom,
    onStep,
    signal: stop.signal,
    learningRate: 3e-3,
    seed: 3,
  };
  console.log("ready");
  const run = stage === "sft"
    ? await sft(model, problems, {
      ...common,
      batchSize: 6,
      gradientAccumulation: 2,
      demonstrations: { full: 2, terse: 1 },
    })
    // Two iterations a batch, so that kills fall between them too, and rollouts in hand are part of a checkpoint.
    : await grpo(model, problems, {
      ...common,
      reward: digits,
      promptsPerStep: 3,
      generations: 4,
      iterations: 2,
      beta: 0.05,
      referenceEvery,
      maxTokens: 12,
      temperature: { kind: "linear", from: 1.2, to: 0.8 },
    });
  const { tensors } = await loadCheckpoint(root), hash = createHash("sha256");
  for (const [name, { data }] of Object.entries(tensors).sort(([a], [b]) => a < b ? -1 : 1)) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const metrics = run.steps.map(({ seconds: _, tokensPerSecond: __, ...rest }) => rest);
  const result: ProcessResult = {
    tensors: hash.digest("hex"),
    metrics: createHash("sha256").update(JSON.stringify(metrics)).digest("hex"),
    losses: metrics.map(({ loss }) => loss),
    completions: run.completions.map(({ completion }) => completion),
  };
  console.log(JSON.stringify(result));
  Deno.exit();
}
