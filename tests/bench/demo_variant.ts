import { join } from "node:path";
import process from "node:process";
import {
  compositeReward,
  curriculum,
  evaluate,
  grpo,
  loadConfig,
  loadDataset,
  loadModel,
  type Settings,
  sft,
  type StepMetrics,
} from "../../mod.ts";

/** What {@linkcode demoVariant} keeps beside the numbers. */
export interface VariantOptions {
  /** Folder of the models after SFT, one a seed, and of the runs' curves. */
  dir: string;
  /** Of GRPO. */
  steps: number;
}

const mean = (values: (number | undefined)[]) => {
  const held = values.filter((value) => value !== undefined);
  return held.length ? held.reduce((sum, value) => sum + value, 0) / held.length : NaN;
};
const late = (steps: StepMetrics[]) => steps.slice(-Math.ceil(steps.length / 10));

/**
 * The demo with settings laid over its file, from the model that its seed's SFT left: SFT is the same for every variant, so it is made once a seed, and
 * variants are compared from one start.
 */
export function demoVariant({ dir, steps }: VariantOptions) {
  return async (
    settings: Settings,
    { seed, name }: { seed: number; name: string },
  ): Promise<Record<string, number>> => {
    const config = await loadConfig("demo", {
      ...settings,
      seed,
      grpo: { ...settings.grpo as Record<string, unknown>, steps },
    });
    const data = await loadDataset(config.data);
    const model = await loadModel(await startOf(seed, dir));
    const from = process.cpuUsage();
    const run = await grpo(model, data.train, {
      ...config.grpo,
      name,
      reward: compositeReward(config.reward),
      curriculum: curriculum(config.curriculum),
    });
    const { user, system } = process.cpuUsage(from);
    const { accuracy, distractors, byDifficulty, formatRate, meanTokens, ece, items } = await evaluate(
      model,
      data.test,
      config.evaluate,
    );
    model.dispose();
    const file = join(dir, "curves", `${name.replace(/[^\w.-]+/g, "_")}-seed-${seed}.json`);
    await Deno.mkdir(join(dir, "curves"), { recursive: true });
    await Deno.writeTextFile(file, JSON.stringify({ name, seed, steps: run.steps, items }));
    return {
      accuracy: accuracy.value,
      withDistractors: distractors!.distracted.value,
      hard: byDifficulty.hard.value,
      formatRate: formatRate.value,
      deadGroups: mean(run.steps.map(({ zeroVarianceFraction }) => zeroVarianceFraction)),
      entropy: mean(late(run.steps).map(({ entropy }) => entropy)),
      kl: mean(late(run.steps).map(({ kl }) => kl)),
      ece: ece ?? NaN,
      answerTokens: meanTokens,
      trainedTokens: run.steps.reduce((sum, { tokens }) => sum + tokens, 0),
      cpuSeconds: (user + system) / 1e6,
    };
  };
}

/** The model after a seed's SFT: made where it is not there yet. */
async function startOf(seed: number, dir: string): Promise<{ path: string }> {
  const path = join(dir, "starts", `seed-${seed}`);
  if (await Deno.stat(path).then(() => true, () => false)) return { path };
  const config = await loadConfig("demo", { seed }), model = await loadModel(config.model);
  const { train } = await loadDataset(config.data);
  await sft(model, train, config.sft);
  const partial = `${path}.${crypto.randomUUID()}`; // another process may be at it too
  await model.save(partial);
  await Deno.rename(partial, path).catch(() => Deno.remove(partial, { recursive: true }));
  model.dispose();
  return { path };
}
