import { stringify } from "@std/yaml";

/** What a {@linkcode modelCard} tells; a part that is left out is left out of the card. */
export interface ModelCardParts {
  /** The adapter's name, or the model's. */
  title: string;
  /** What lies beside the card. @default "adapter" */
  kind?: "adapter" | "model";
  /** The hub id or directory of the base model. */
  baseModel: string;
  /** The licence of the base model, as the hub names it: `gemma`, `apache-2.0`. An adapter falls under it. */
  licence?: string;
  /** The adapter's shape. */
  adapter?: { rank: number; alpha: number; dropout: number; rankStabilized: boolean; layers: number };
  /** What it was taught to write, after "trained with showwork to": `` reason in `<think>` and `<answer>` tags ``. */
  format?: string;
  /** What was done, in order: SFT, GRPO. */
  stages?: { name: string; steps: number; settings?: Record<string, unknown> }[];
  /** What it was trained on. */
  data?: { source: string; count?: number }[];
  /** Reward components with their weights, in words or numbers. */
  rewards?: Record<string, number | string>;
  /** Evaluations in the order to show: rows of the table. */
  metrics?: {
    name: string;
    accuracy: number;
    interval?: readonly [number, number];
    formatRate?: number;
    count: number;
  }[];
  /** Seeds by what they seed. */
  seeds?: Record<string, number>;
}

/**
 * A README for an adapter's or a model's folder, with the front matter that the hub, PEFT and `transformers` read.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { modelCard } from "./model_card.ts";
 * const card = modelCard({ title: "demo", baseModel: "google/gemma-3-270m-it", licence: "gemma", seeds: { grpo: 1 } });
 * assert.match(card, /^---\nbase_model: google\/gemma-3-270m-it\nlibrary_name: peft\n/);
 * ```
 */
export function modelCard(parts: ModelCardParts): string {
  const {
    title,
    kind = "adapter",
    baseModel,
    licence,
    adapter,
    format,
    stages = [],
    data = [],
    rewards = {},
    metrics = [],
    seeds = {},
  } = parts;
  const front = {
    base_model: baseModel,
    library_name: kind === "adapter" ? "peft" : "transformers",
    ...(licence ? { license: licence } : {}),
    tags: [...(kind === "adapter" ? ["lora"] : []), "showwork"],
  };
  const loader = kind === "adapter"
    ? ["peft", "AutoPeftModelForCausalLM"]
    : ["transformers", "AutoModelForCausalLM"];
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const section = (name: string, lines: string[]) => lines.length ? [`## ${name}`, "", ...lines, ""] : [];
  const code = (value: unknown) => "`" + (typeof value === "string" ? value : JSON.stringify(value)) + "`";
  const lines = [
    "---",
    stringify(front).trimEnd(),
    "---",
    "",
    `# ${title.replaceAll(/\s+/g, " ")}`,
    "",
    `${kind === "adapter" ? "A LoRA adapter for" : "A model made from"} ${
      code(baseModel)
    }, trained with showwork${format ? ` to ${format}` : ""}.` +
    (licence
      ? ` The base model's licence (${licence}) holds for it.`
      : " The base model's licence holds for it; it was not stated."),
    "",
    ...(adapter
      ? [
        `Rank ${adapter.rank}, alpha ${adapter.alpha}${
          adapter.rankStabilized ? ", rank-stabilised scaling" : ""
        }${adapter.dropout ? `, dropout ${adapter.dropout}` : ""}, on ${adapter.layers} linear layers.`,
        "",
      ]
      : []),
    ...section(
      "Training",
      stages.map(({ name, steps, settings = {} }) =>
        `- ${name}: ${steps} steps` +
        Object.entries(settings).map(([key, value]) => `, ${key} ${code(value)}`).join("")
      ),
    ),
    ...section(
      "Data",
      data.map(({ source, count }) => `- ${source}${count === undefined ? "" : `: ${count} problems`}`),
    ),
    ...section("Rewards", Object.entries(rewards).map(([name, weight]) => `- ${name}: ${weight}`)),
    ...section(
      "Evaluation",
      metrics.length === 0 ? [] : [
        "| stage | accuracy | 95 % interval | format | problems |",
        "|---|---|---|---|---|",
        ...metrics.map(({ name, accuracy, interval, formatRate, count }) =>
          `| ${name.replaceAll("|", "\\|")} | ${percent(accuracy)} | ${
            interval ? interval.map(percent).join(" – ") : ""
          } | ${formatRate === undefined ? "" : percent(formatRate)} | ${count} |`
        ),
      ],
    ),
    ...section("Seeds", Object.entries(seeds).map(([name, seed]) => `- ${name}: ${seed}`)),
    ...section("Use", [
      "```python",
      `from ${loader[0]} import ${loader[1]}`,
      `model = ${loader[1]}.from_pretrained("path/to/this/folder")`,
      "```",
    ]),
  ];
  return lines.join("\n").trimEnd() + "\n";
}
