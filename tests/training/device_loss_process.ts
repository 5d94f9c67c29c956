/**
 * Trains on a GPU that is destroyed in mid-run, and goes on in the same process on a new device. Prints a line of JSON:
 * what the error said, and the losses of the run that was lost, of the one that went on, and of one that nothing
 * disturbed. Arguments: the stage, and the folder for checkpoints, "" for the stage's own.
 */
import * as tf from "@tensorflow/tfjs";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import { resume } from "../../lib/stages/resume.ts";
import { sft } from "../../lib/stages/sft.ts";
import type { LoopHooks } from "../../lib/training/training_loop.ts";
import { TrainingError } from "../../lib/training/training_error.ts";
import { digits, problems, tinyModel } from "./tiny_model.ts";

const [stage, folder] = Deno.args;
const train = (checkpoints: string | null, hooks: Pick<LoopHooks, "onStep"> = {}) => {
  const common = {
    steps: 5,
    checkpoints,
    checkpointEvery: checkpoints === null ? null : 2,
    learningRate: 3e-3,
    ...hooks,
  };
  return stage === "sft"
    ? sft(tinyModel(), problems, { ...common, batchSize: 2 })
    : grpo(tinyModel(), problems, {
      ...common,
      reward: digits,
      promptsPerStep: 1,
      generations: 3,
      maxTokens: 4,
      beta: 0.05,
    });
};

await useBackend({ backend: "webgpu" });
const undisturbed = await train(null);
const { device } = tf.backend() as unknown as { device: GPUDevice };
let failure: TrainingError | null = null;
try {
  // while the device works on step 4
  await train(folder || null, {
    onStep: ({ step }) => step === 3 && void setTimeout(() => device.destroy(), 20),
  });
} catch (error) {
  if (!(error instanceof TrainingError)) throw error;
  failure = error;
}
const backend = await useBackend({ backend: "webgpu" });
const run = await resume(tinyModel(), failure!.run.checkpoint!, { problems, reward: digits });
const losses = ({ steps }: { steps: { loss: number }[] }) => steps.map(({ loss }) => loss);
console.log(JSON.stringify({
  message: failure!.message,
  ended: failure!.run.ended,
  backend: backend.backend,
  lost: losses(failure!.run),
  resumed: losses(run),
  undisturbed: losses(undisturbed),
}));
Deno.exit();
