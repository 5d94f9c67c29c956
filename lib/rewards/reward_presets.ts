import type { ComponentsOptions } from "./components.ts";

/** A reference system. */
export type PresetName = "r1" | "r2" | "r3" | "r4" | "r5";

/** A preset's components and floor. */
export interface RewardPreset {
  /** Its components, each with its weight. */
  components: ComponentsOptions;
  /** What its total never falls below. */
  floor: number | null;
}

/**
 * The rewards of the reference systems (SPEC section 1).
 *
 * - `r1`, gemma3-4b-thinking: four functions summed, correctness of the answer, proper numeric format, visible reasoning steps,
 *   structured format. Its weights are not published; these, 2 for the answer and .5 for each form, are those of the GSM8K
 *   demonstration that such notebooks follow (W. Brown 2025, "GRPO demo"). Steps count when they work on the problem (`guard`).
 * - `r2`, DAGGER: the computational graph alone.
 * - `r3`, tunix-gemma-reasoning: w_c·correctness + w_t·trace + w_f·confidence − verbosity, never below 0; w_c .40→.60, w_t .45→.25.
 * - `r4`, Gemma-2-2B show-your-work: the rubric (by `rubricHeuristics` until a judge is named), −.5 for missing tags, up to −.1 for
 *   repetition, and a small bonus, ours .1, for a reasonable length.
 * - `r5`, Qwen3-4B-RLOO-math: correctness alone.
 */
export const rewardPresets: Record<PresetName, RewardPreset> = {
  r1: {
    components: {
      correctness: { weight: 2 },
      numericFormat: { weight: 0.5 },
      trace: { weight: 0.5, guard: true },
      formatCompliance: { weight: 0.5 },
    },
    floor: null,
  },
  r2: { components: { computationalGraph: { weight: 1 } }, floor: null },
  r3: {
    components: {
      correctness: { weight: { kind: "linear", from: 0.4, to: 0.6 } },
      trace: { weight: { kind: "linear", from: 0.45, to: 0.25 } },
      confidence: { weight: 0.15 },
      verbosity: { weight: -1 },
    },
    floor: 0,
  },
  r4: {
    components: {
      rubric: { weight: 1 },
      missingTags: { weight: -0.5 },
      repetition: { weight: -0.1 },
      lengthBonus: { weight: 0.1 },
    },
    floor: null,
  },
  r5: { components: { correctness: { weight: 1 } }, floor: null },
};
