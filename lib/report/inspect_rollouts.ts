import { displayable } from "../display/displayable.ts";
import { loadRun } from "./load_run.ts";
import type { RolloutInspection, RolloutStep } from "./rollout_inspection.ts";
import { rolloutsHtml, rolloutsText } from "./rollouts_view.ts";
import { learnsFromSamples } from "../training/learns_from_samples.ts";
import type { TrainingRun } from "../training/run.ts";

/** Options of {@linkcode inspectRollouts}. */
export interface InspectRolloutsOptions {
  /** The step to open at. @default the last one with completions */
  step?: number;
  /** Which run of a folder, by its name. @default the last GRPO run */
  name?: string;
  /** Steps that the notebook's output can turn to, the one asked for among them. @default 20 */
  around?: number;
}

/**
 * The group that a step learned from, side by side: the problem, each completion with its reward's parts and its advantage, and over each
 * token its probability, ratio and KL as colour. In a notebook and in `report.html` one turns to the steps before and after without a
 * kernel or a server; in a terminal the step asked for is printed.
 *
 * @param run a run, or the folder of an export
 * @throws {RangeError} when the run kept no completions, or none of that step
 * @example
 * ```ts
 * import { compositeReward, grpo, inspectRollouts, loadDataset, loadModel } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * const reward = compositeReward({ preset: "r3" });
 * const run = await grpo(model, data.train, { steps: 1, promptsPerStep: 2, generations: 2, maxTokens: 16, reward });
 * await inspectRollouts(run, { step: 1 }); // or the folder of an export
 * ```
 */
export async function inspectRollouts(
  run: TrainingRun | string,
  { step, name, around = 20 }: InspectRolloutsOptions = {},
): Promise<RolloutInspection> {
  const chosen = typeof run === "string" ? choose((await loadRun(run)).runs, run, name) : run;
  const groups = Map.groupBy(chosen.completions ?? [], (record) => record.step),
    available = [...groups.keys()].sort((a, b) => a - b);
  if (!available.length) {
    throw new RangeError(
      `Inspecting rollouts: run '${chosen.name}' must hold sampled completions, as GRPO's runs do, but it holds none`,
    );
  }
  const open = step ?? available.at(-1)!;
  if (!groups.has(open)) {
    const nearest = available.reduce((a, b) => Math.abs(b - open) < Math.abs(a - open) ? b : a);
    throw new RangeError(
      `Inspecting rollouts: step ${open} of run '${chosen.name}' must have completions, but only ${available.length} steps from ${
        available[0]
      } to ${available.at(-1)} do; the nearest is ${nearest}`,
    );
  }
  const inspection: RolloutInspection = {
    name: chosen.name,
    step: open,
    available,
    steps: turnable(available, open, around).map((one) => groupOf(one, groups.get(one)!)),
  };
  return displayable(inspection, { text: rolloutsText, html: rolloutsHtml });
}

function choose(runs: TrainingRun[], folder: string, name?: string): TrainingRun {
  const found = runs.findLast((run) => name === undefined ? learnsFromSamples(run) : run.name === name);
  if (found) return found;
  throw new RangeError(
    `Inspecting rollouts: '${folder}' must hold ${
      name === undefined ? "a run that learned from rewards" : `a run named '${name}'`
    }, but it holds ${runs.map((run) => run.name).join(", ") || "none"}`,
  );
}

/** The steps next to `open` on both sides, and over the rest of the run evenly. */
function turnable(available: number[], open: number, count: number): number[] {
  if (available.length <= count) return available;
  const at = available.indexOf(open), near = Math.floor(count / 2);
  const from = Math.max(0, Math.min(at - Math.floor(near / 2), available.length - near));
  const kept = new Set(available.slice(from, from + near)), far = count - near;
  for (let i = 0; i < far; i++) {
    kept.add(available[Math.round(i * (available.length - 1) / Math.max(1, far - 1))]);
  }
  return [...kept.add(open)].sort((a, b) => a - b);
}

function groupOf(step: number, completions: RolloutStep["completions"]): RolloutStep {
  const [{ problemId, question, reference }] = completions;
  return { step, problemId, question, reference, completions };
}
