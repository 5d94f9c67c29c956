import type { z } from "zod";
import type { componentSchemas } from "./reward_schema.ts";
import { computationalGraph } from "./computational_graph.ts";
import { confidence } from "./confidence.ts";
import { correctness } from "./correctness.ts";
import { formatCompliance } from "./format_compliance.ts";
import { lengthBonus } from "./length_bonus.ts";
import { missingTags } from "./missing_tags.ts";
import { numericFormat } from "./numeric_format.ts";
import { repetition } from "./repetition.ts";
import type { RewardFunction } from "./reward.ts";
import { rubricJudge } from "./rubric_judge.ts";
import { traceStructure } from "./trace_structure.ts";
import { verbosity } from "./verbosity.ts";

/** Names of the components that can stand in YAML. */
export type ComponentName = keyof typeof componentSchemas;

/** The options of a component beside its weight, complete. */
export type ComponentSettings<K extends ComponentName> = z.output<(typeof componentSchemas)[K]>;

/** Every component that can be named, made from its options. */
export const components: { [K in ComponentName]: (options: ComponentSettings<K>) => RewardFunction } = {
  correctness: () => correctness(),
  trace: traceStructure,
  confidence,
  verbosity,
  numericFormat: () => numericFormat(),
  formatCompliance: () => formatCompliance(),
  repetition: () => repetition(),
  missingTags: () => missingTags(),
  lengthBonus,
  computationalGraph: () => computationalGraph(),
  // In a composite a final failure is an error of that completion's component: counted and shown with its reason.
  rubric: (options) => rubricJudge({ ...options, onFailure: "throw" }),
};
