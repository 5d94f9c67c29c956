import { ConfigError, type ConfigProblem } from "../options/config_error.ts";
import { configProblems } from "../options/parse_options.ts";
import { displayable } from "../display/displayable.ts";
import { formatNumber } from "../display/format_number.ts";
import { htmlTable, type Table, textTable } from "../display/table.ts";
import { type Anneal, anneal, type Scheduled } from "../schedules/anneal.ts";
import { boundedScore } from "./bounded_score.ts";
import { type Component, components as ours } from "./components.ts";
import type { ExplainedReward } from "./explained.ts";
import type { ComponentScore, Reward, RewardFunction, RewardSample, RewardSpan } from "./reward.ts";
import { rewardPresets } from "./reward_presets.ts";
import { type CompositeOptions, rewardSchema, rewardSchemaWith } from "./reward_schema.ts";

export type { CompositeOptions, CompositeSettings } from "./reward_schema.ts";

/** A reward that also says which words earned what, and what has failed. It ends a notebook cell as a table. */
export interface CompositeReward extends Reward {
  /** Which words moved which component. */
  explain(sample: RewardSample): Record<string, RewardSpan[]>;
  /** How often each component has failed so far, by reason. */
  readonly failures: Record<string, Record<string, number>>;
}

/** A timer set for longer would fire at once. */
const longestTimer = 2 ** 31 - 1;

interface Part {
  name: string;
  reward: RewardFunction;
  weight: Anneal;
  /** The component as plain data. */
  data: Record<string, unknown>;
}

const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `anneal(...)` in a component becomes the data that it was made from. */
function plainWeight(component: unknown): unknown {
  if (!isGroup(component) || !isGroup(component.weight)) return component;
  const { at, toJSON } = component.weight;
  if (typeof at !== "function" || typeof toJSON !== "function") return component;
  return { ...component, weight: toJSON.call(component.weight) };
}

function refusal(problems: ConfigProblem[]): ConfigError {
  return new ConfigError(
    "compositeReward() options",
    problems.map((problem) =>
      problem.rule === "is not an option" && /^components\.[^.]*$/.test(problem.path)
        ? { ...problem, rule: "is no component of ours; one of yours brings its function as `reward`" }
        : problem
    ),
  );
}

/** Options checked together, with a preset's components under those given. */
function partsOf(options: CompositeOptions): { parts: Part[]; floor: number | null; timeoutMs: number } {
  const given = isGroup(options) && isGroup(options.components)
    ? Object.entries(options.components).map(([name, component]) => [name, plainWeight(component)] as const)
    : [];
  const own = given.filter(([, component]) => isGroup(component) && "reward" in component).map(([name]) =>
    name
  );
  const schema = rewardSchemaWith(own),
    checked = isGroup(options?.components) ? { ...options, components: Object.fromEntries(given) } : options;
  const result = schema.safeParse(checked);
  if (!result.success) throw refusal(configProblems(schema, checked, result.error.issues));
  const { preset, floor, timeoutMs, components } = result.data;
  const base = preset === null ? null : rewardPresets[preset];
  const all: Record<string, unknown> = base ? rewardSchema.parse(base).components : {};
  Object.assign(all, components);
  const parts = Object.entries(all).map(([name, settings]): Part => {
    const { weight, reward, ...rest } = settings as { weight: Scheduled; reward?: RewardFunction };
    return {
      name,
      reward: reward ?? (ours as Record<string, Component>)[name].make(rest),
      weight: anneal(weight),
      data: { weight, ...rest, ...(reward ? { reward: reward.name || "a function" } : {}) },
    };
  });
  return { parts, floor: floor === undefined ? base?.floor ?? null : floor, timeoutMs };
}

function spansOf(reward: RewardFunction & Partial<ExplainedReward>, sample: RewardSample): RewardSpan[] {
  try {
    return reward.explain?.(sample) ?? [];
  } catch {
    return []; // its score has failed too, and says why
  }
}

/** The components with their weights from the first step to the last, and what has failed so far. */
function table({ parts, floor, failures }: Pick<ReturnType<typeof partsOf>, "parts" | "floor"> & {
  failures: CompositeReward["failures"];
}): Table {
  const rows = parts.map(({ name, weight }) => {
    const from = weight.at(0, 1), to = weight.at(1, 1), reasons = Object.entries(failures[name] ?? {});
    return [
      name,
      from === to ? formatNumber(from) : `${formatNumber(from)} → ${formatNumber(to)}`,
      reasons.map(([reason, count]) => `${count} × ${reason}`).join("; "),
    ];
  });
  return {
    title: "Composite reward",
    columns: ["component", "weight", "failures"],
    rows,
    notes: [floor === null ? "the weighted sum, without a floor" : `the weighted sum, never below ${floor}`],
  };
}

/**
 * A weighted sum of components: R = max(floor, Σ w_k(step)·r_k), components that cannot judge left out and their weight not
 * redistributed. Without arguments, R3's reward (SPEC section 2): w_c·correctness + w_t·trace + w_f·confidence − verbosity, w_c .40→.60,
 * w_t .45→.25, w_f .15, never below 0.
 *
 * R3 comes in two modes. By default confidence reads the model's own log-probabilities and verbosity counts tokens; with
 * `confidence: { weight: 0.15, from: "length" }` and `verbosity: { weight: -1, unit: "chars" }` both are R3's released code, which sees
 * only text. To normalise every component within its group before the sum (GDPO) give `grpo` `normalizeThenSum: true`: it works on the raw
 * scores that are kept here, and then neither floor nor total counts.
 *
 * A component that throws, returns no finite number or takes longer than `timeoutMs` fails on that completion: its score is `null`, the reason
 * stands beside it and is counted in `failures`, and the run goes on. A synchronous function that never returns must run in `sandboxed`.
 * The reward ends a notebook cell as a table.
 *
 * @throws {ConfigError} with every problem of the options at once
 * @example
 * ```ts
 * import { anneal, compositeReward } from "../../mod.ts";
 * const reward = compositeReward({
 *   preset: "r3",
 *   components: {
 *     short: { weight: anneal({ kind: "linear", from: 0, to: 0.1 }), reward: ({ completion }) => completion.length < 200 ? 1 : 0 },
 *   },
 * });
 * reward.weights(100, 200).short; // 0.05
 * ```
 */
export function compositeReward(options: CompositeOptions = { preset: "r3" }): CompositeReward {
  const { parts, floor, timeoutMs } = partsOf(options), preset = options.preset ?? null;
  const failures: CompositeReward["failures"] = {};
  const reward: CompositeReward = {
    names: parts.map(({ name }) => name),
    failures,
    weights: (step, steps) =>
      Object.fromEntries(parts.map(({ name, weight }) => [name, weight.at(step, steps)])),
    explain: (sample) => Object.fromEntries(parts.map(({ name, reward }) => [name, spansOf(reward, sample)])),
    score: (samples) => {
      const limits = parts.map(({ reward }) =>
        Math.min(longestTimer, Math.max(timeoutMs, reward.longestMs?.(samples.length) ?? 0))
      );
      return Promise.all(samples.map(async (given) => {
        // Frozen: a reward that changes its sample would change what the others see.
        const sample = Object.freeze({ ...given });
        const scores = await Promise.all(
          parts.map(({ reward }, i) => boundedScore(reward, sample, { timeoutMs: limits[i] })),
        );
        let total = 0;
        const components: Record<string, ComponentScore> = {};
        for (const [i, { name, weight }] of parts.entries()) {
          const value = weight.at(sample.step, sample.steps), { score, error } = scores[i];
          components[name] = { ...scores[i], weight: value };
          if (score !== null) total += value * score;
          if (error === undefined) continue;
          failures[name] ??= {};
          failures[name][error] = (failures[name][error] ?? 0) + 1;
        }
        return { total: floor === null ? total : Math.max(floor, total), components };
      }));
    },
    toJSON: () => ({
      preset,
      floor,
      timeoutMs,
      components: Object.fromEntries(parts.map(({ name, data }) => [name, data])),
    }),
  };
  return displayable(reward, {
    text: () => textTable(table({ parts, floor, failures })),
    html: () => htmlTable(table({ parts, floor, failures })),
  });
}
