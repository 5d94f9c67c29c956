import type { Settings } from "../../lib/stages/experiment.ts";
import { sft } from "../../lib/stages/sft.ts";
import { problems, tinyModel } from "../training/tiny_model.ts";

/** Two steps of SFT on the tiny model; which process made them is measured too. */
export default async function run({ learningRate }: Settings, { seed }: { seed: number }) {
  const model = tinyModel();
  try {
    const { steps } = await sft(model, problems, {
      steps: 2,
      batchSize: 4,
      learningRate: learningRate as number,
      seed,
    });
    return { loss: steps.at(-1)!.loss, process: Deno.pid };
  } finally {
    model.dispose();
  }
}
