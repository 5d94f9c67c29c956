import { anneal, type Scheduled } from "../schedules/anneal.ts";
import { confidence } from "./confidence.ts";
import { correctness } from "./correctness.ts";
import type { ExplainedReward, RewardSpan } from "./explained.ts";
import { formatCompliance } from "./format_compliance.ts";
import type { ComponentScore, Reward, RewardFunction, RewardSample } from "./reward.ts";
import { traceStructure } from "./trace_structure.ts";
import { verbosity } from "./verbosity.ts";

/** One component: a function of ours by its options, or a function of yours. */
export interface ComponentOptions {
  /** What the raw score is multiplied by; a schedule anneals it; negative for penalties. */
  weight: Scheduled;
  /** A reward of your own; without it the component is the one of its name. */
  reward?: RewardFunction;
  from?: "logprobs" | "length";
  unit?: "tokens" | "chars";
  /** `trace`: count only pieces that work on the problem, see `traceStructure`. */
  guard?: boolean;
}

/** A composite reward as data, or with functions of yours among its components. */
export interface CompositeOptions {
  /** The components of a reference system, which `components` overrides one by one. */
  preset?: string | null;
  components?: Record<string, ComponentOptions>;
  /** The total never falls below; `null`: no floor. */
  floor?: number | null;
  /** An asynchronous component that takes longer fails on that completion. @default 30000 */
  timeoutMs?: number;
}

/** R3's composite: correctness and trace anneal against each other. */
const presets: Record<string, { components: Record<string, ComponentOptions>; floor: number | null }> = {
  r3: {
    components: {
      correctness: { weight: { kind: "linear", from: 0.4, to: 0.6 } },
      trace: { weight: { kind: "linear", from: 0.45, to: 0.25 } },
      confidence: { weight: 0.15 },
      verbosity: { weight: -1 },
    },
    floor: 0,
  },
};

const made: Record<string, (options: ComponentOptions) => RewardFunction> = {
  correctness: () => correctness(),
  trace: (options) => traceStructure(options),
  confidence: (options) => confidence(options),
  verbosity: (options) => verbosity(options),
  formatCompliance: () => formatCompliance(),
};

async function timed(
  reward: RewardFunction,
  sample: RewardSample,
  timeoutMs: number,
): Promise<{ score: number | null; error?: string }> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const result = reward(sample);
    if (!(result instanceof Promise)) return check(result);
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`timed out after ${timeoutMs} ms`)), timeoutMs);
    });
    return check(await Promise.race([result, late]));
  } catch (error) {
    return { score: null, error: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}

function check(score: number | null): { score: number | null; error?: string } {
  return score === null || Number.isFinite(score)
    ? { score }
    : { score: null, error: `returned ${score}, which is no finite number` };
}

function spansOf(reward: RewardFunction & Partial<ExplainedReward>, sample: RewardSample): RewardSpan[] {
  try {
    return reward.explain?.(sample) ?? [];
  } catch {
    return []; // its score has failed too, and says why
  }
}

/**
 * A weighted sum of components: R = max(floor, Σ w_k(step)·r_k), components that cannot judge left out. Without arguments, R3's
 * reward: w_c·correctness + w_t·trace + w_f·confidence − verbosity, w_c .40→.60, w_t .45→.25, w_f .15, never below 0.
 *
 * @throws {RangeError} for a component of an unknown name that brings no function
 * @example
 * ```ts
 * import { compositeReward } from "../../mod.ts";
 * const reward = compositeReward({ preset: "r3", components: { short: { weight: 0.1, reward: ({ completion }) => completion.length < 200 ? 1 : 0 } } });
 * ```
 */
export function compositeReward(options: CompositeOptions = { preset: "r3" }): Reward {
  const { preset = null, timeoutMs = 30_000 } = options, base = preset ? presets[preset] : undefined;
  if (preset && !base) {
    throw new RangeError(
      `compositeReward() knows the presets ${Object.keys(presets).join(", ")}, got ${preset}`,
    );
  }
  const all = { ...base?.components, ...options.components },
    floor = options.floor === undefined ? base?.floor ?? null : options.floor;
  if (Object.keys(all).length === 0) {
    throw new RangeError("compositeReward() needs a preset or at least one component, got none");
  }
  const parts = Object.entries(all).map(([name, component]) => {
    const reward = component.reward ?? made[name]?.(component);
    if (!reward) {
      throw new RangeError(
        `compositeReward() has no component ${name}; known: ${
          Object.keys(made).join(", ")
        }; or give it a function as \`reward\``,
      );
    }
    return { name, reward, weight: anneal(component.weight), component };
  });
  return {
    names: parts.map(({ name }) => name),
    weights: (step, steps) =>
      Object.fromEntries(parts.map(({ name, weight }) => [name, weight.at(step, steps)])),
    explain: (sample) => Object.fromEntries(parts.map(({ name, reward }) => [name, spansOf(reward, sample)])),
    score: (samples) =>
      Promise.all(samples.map(async (sample) => {
        const scores = await Promise.all(parts.map(({ reward }) => timed(reward, sample, timeoutMs)));
        let total = 0;
        const components: Record<string, ComponentScore> = {};
        for (const [i, { name, weight }] of parts.entries()) {
          const value = weight.at(sample.step, sample.steps);
          components[name] = { ...scores[i], weight: value };
          if (scores[i].score !== null) total += value * scores[i].score!;
        }
        return { total: floor === null ? total : Math.max(floor, total), components };
      })),
    toJSON: () => ({
      preset,
      floor,
      components: Object.fromEntries(
        parts.map((
          { name, component: { reward, ...rest } },
        ) => [name, reward ? { ...rest, reward: reward.name || "a function" } : rest]),
      ),
    }),
  };
}
