import { z } from "zod";
import type { Anneal, Scheduled } from "../schedules/anneal.ts";
import { computationalGraph } from "./computational_graph.ts";
import { confidence, type ConfidenceOptions, confidenceSchema } from "./confidence.ts";
import { correctness } from "./correctness.ts";
import { cosineLength, type CosineLengthOptions, cosineLengthSchema } from "./cosine_length.ts";
import { formatCompliance } from "./format_compliance.ts";
import { lengthBonus, type LengthBonusOptions, lengthBonusSchema } from "./length_bonus.ts";
import { missingTags } from "./missing_tags.ts";
import { numericFormat } from "./numeric_format.ts";
import { overlong, type OverlongOptions, overlongSchema } from "./overlong.ts";
import { repeatedNgrams, type RepeatedNgramsOptions, repeatedNgramsSchema } from "./repeated_ngrams.ts";
import { repetition } from "./repetition.ts";
import type { RewardFunction } from "./reward.ts";
import { type JudgeOptions, judgeSchema, rubricJudge } from "./rubric_judge.ts";
import { traceStructure, type TraceStructureOptions, traceStructureSchema } from "./trace_structure.ts";
import { verbosity, type VerbosityOptions, verbositySchema } from "./verbosity.ts";

/** A reward of ours that a configuration can name. */
export interface Component<Options = unknown> {
  /** Makes the reward from its options, all of which have defaults. */
  make(options?: Options): RewardFunction;
  /** The rules of its options, a zod object. */
  schema: object;
}

/** Options of a component that has none. */
export type NoOptions = Record<never, never>;

const component = (make: (options?: never) => RewardFunction, schema: z.ZodObject = z.strictObject({})) => ({
  make,
  schema,
});

/** Every component that can be named: its function, the rules of its options, their type. */
export const components = {
  correctness: component(correctness) as Component<NoOptions>,
  trace: component(traceStructure, traceStructureSchema) as Component<TraceStructureOptions>,
  confidence: component(confidence, confidenceSchema) as Component<ConfidenceOptions>,
  verbosity: component(verbosity, verbositySchema) as Component<VerbosityOptions>,
  numericFormat: component(numericFormat) as Component<NoOptions>,
  formatCompliance: component(formatCompliance) as Component<NoOptions>,
  repetition: component(repetition) as Component<NoOptions>,
  missingTags: component(missingTags) as Component<NoOptions>,
  lengthBonus: component(lengthBonus, lengthBonusSchema) as Component<LengthBonusOptions>,
  overlong: component(overlong, overlongSchema) as Component<OverlongOptions>,
  cosineLength: component(cosineLength, cosineLengthSchema) as Component<CosineLengthOptions>,
  repeatedNgrams: component(repeatedNgrams, repeatedNgramsSchema) as Component<RepeatedNgramsOptions>,
  computationalGraph: component(computationalGraph) as Component<NoOptions>,
  // A final failure is an error of that completion's component: counted and shown with its reason.
  rubric: component(
    (options?: JudgeOptions) => rubricJudge({ ...options, onFailure: "throw" }),
    judgeSchema,
  ) as Component<JudgeOptions>,
};

/** A component's name in a configuration. */
export type ComponentName = keyof typeof components;

/** What every component has. */
export interface Weighted {
  /** What the raw score is multiplied by: a number, a schedule or `anneal(...)`; negative for penalties. */
  weight: Scheduled | Anneal;
}

/** A component of yours: its function, or one of ours that you made. */
export interface OwnComponent extends Weighted {
  /** Scores a completion; a saved configuration keeps only its name. */
  reward: RewardFunction;
}

/** A component of ours by its name: its weight and its own options. */
export type NamedComponent<Name extends ComponentName> = (typeof components)[Name] extends
  Component<infer Options> ? Options & Weighted : never;

/** Our components, each with its own options; or yours in the place of one. */
export type NamedComponents = { [Name in ComponentName]?: NamedComponent<Name> | OwnComponent };

/** Components by name: the options of ours are checked by name, any other name brings its function as `reward`. */
export interface ComponentsOptions extends NamedComponents {
  /** One of yours. */
  [own: string]: NamedComponents[ComponentName];
}
