import type { FormatOption } from "../formats/format_schema.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import type { ModelCardParts } from "../models/model_card.ts";
import { checkArgument, checkGroup, listOf } from "../options/check_argument.ts";
import type { Evaluation } from "../stages/evaluation.ts";
import type { TrainingRun } from "../training/run.ts";
import { stageLabel } from "./stage_label.ts";

/** What a card is made from: the parts of a run as `exportRun` has them. */
export interface RunCardContents {
  /** The configuration. */
  config: unknown;
  /** Training runs, in order. */
  runs: TrainingRun[];
  /** Evaluations by name. */
  evaluations: Record<string, Evaluation>;
}

type Plain = Record<string, unknown>;

const plain = (value: unknown): Plain => typeof value === "object" && value !== null ? value as Plain : {};

/** Settings that tell one run from another; those that a run does not have are left out. */
const shown = [
  "algorithm",
  "loss",
  "advantage",
  "importance",
  "learningRate",
  "batchSize",
  "promptsPerStep",
  "generations",
  "beta",
  "temperature",
  "maxTokens",
  "maxLength",
  "systemPrompt",
];

/** A number, or how it moves: `0.4 → 0.6 (linear)`. */
function weight(value: unknown): string | number {
  if (typeof value === "number") return value;
  const { from, to, kind } = plain(value);
  return from === undefined ? "its own" : `${from} → ${to} (${kind})`;
}

function rewards(runs: TrainingRun[]): Record<string, string | number> {
  const last = runs.findLast(({ config }) => config.reward);
  const components = Object.entries(plain(plain(last?.config.reward).components));
  return Object.fromEntries(components.map(([name, options]) => [name, weight(plain(options).weight)]));
}

const formatWords: Record<string, string> = {
  boxed: "put its answer in `\\boxed{}`",
  graph: "answer with a computational graph",
  "last-number": "end with its answer",
};

/** What the last run that has a format taught the model to write. */
function format(runs: TrainingRun[]): { format?: string } {
  const option = runs.findLast(({ config }) => config.format)?.config.format as FormatOption | undefined;
  if (option === undefined) return {};
  const { name, marks } = responseFormatOf(option), opening = [marks?.reasoning?.[0], marks?.answer?.[0]];
  if (opening.every((mark) => mark !== undefined)) {
    return { format: `reason in ${opening.map((mark) => `\`${mark}\``).join(" and ")} tags` };
  }
  return { format: formatWords[name] ?? `answer in the format \`${name}\`` };
}

function sources(config: unknown): { source: string; count?: number }[] {
  const { train } = plain(plain(config).data);
  return (Array.isArray(train) ? train : []).map((item) => {
    const { source, path, count, limit } = plain(item), size = count ?? limit;
    return {
      source: `${source}${typeof path === "string" ? ` (${path})` : ""}`,
      ...(typeof size === "number" ? { count: size } : {}),
    };
  });
}

function seeds({ config, runs }: RunCardContents): Record<string, number> {
  const { seed, data, model } = plain(config);
  const all: [string, unknown][] = [
    ["run", seed],
    ["data", plain(data).seed],
    ["adapter", plain(model).seed],
    ...runs.map(({ name, config }): [string, unknown] => [name, config.seed]),
  ];
  return Object.fromEntries(all.filter(([, value]) => typeof value === "number")) as Record<string, number>;
}

/**
 * What a model card tells of a run: its stages with their settings and how they ended, the format, training data, rewards with their weights,
 * evaluations with intervals, and seeds. The base model and its licence are `saveAdapter`'s to add.
 *
 * @example
 * ```ts
 * import { loadDataset, loadModel, runCard, sft } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * model.addLora({ rank: 2 });
 * const run = await sft(model, data.train, { steps: 2, batchSize: 4 });
 * await model.saveAdapter(await Deno.makeTempDir(), { card: runCard({ config: {}, runs: [run], evaluations: {} }) });
 * ```
 */
export function runCard(contents: RunCardContents): Partial<ModelCardParts> {
  checkArgument("runCard's argument", "options", contents);
  const { config } = contents, { name } = plain(config);
  const runs = listOf("`runs` in runCard's argument", "run", contents.runs), { evaluations } = contents;
  checkGroup("`evaluations` in runCard's argument", "evaluation", evaluations);
  return {
    ...(typeof name === "string" ? { title: name } : {}),
    stages: runs.map(({ name, steps, ended, config }) => ({
      name: stageLabel(name),
      steps: steps.length,
      settings: Object.fromEntries([
        ...ended === "finished" ? [] : [["ended", ended]],
        ...shown.flatMap((key) =>
          config[key] === undefined || config[key] === null ? [] : [[key, config[key]]]
        ),
      ]),
    })),
    ...format(runs),
    data: sources(config),
    rewards: rewards(runs),
    metrics: Object.entries(evaluations).map(([name, { accuracy, formatRate }]) => ({
      name: stageLabel(name),
      accuracy: accuracy.value,
      interval: [accuracy.low, accuracy.high] as const,
      formatRate: formatRate.value,
      count: accuracy.total,
    })),
    seeds: seeds(contents),
  };
}
