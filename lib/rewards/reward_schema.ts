import { z } from "zod";
import type { OptionsSchema } from "../options/options_schema.ts";
import { typeNames } from "../options/type_names.ts";
import { scheduled } from "../schedules/schedule_schema.ts";
import { components, type ComponentsOptions } from "./components.ts";
import { type PresetName, rewardPresets } from "./reward_presets.ts";

/** A composite reward as data, or with functions of yours among its components. */
export interface CompositeOptions {
  /** The components of a reference system, which `components` overrides one by one. @default null */
  preset?: PresetName | null;
  /** Components by name, each with its weight. @default the preset's */
  components?: ComponentsOptions;
  /** The total never falls below; `null`: no floor. @default the preset's: 0 for r3, else none */
  floor?: number | null;
  /** An asynchronous component that takes longer fails on that completion; a judge that may need longer gets it. @default 30000 */
  timeoutMs?: number;
}

/** A composite reward's options with every default filled in; `floor` stays open for the preset's. */
export type CompositeSettings = Required<Omit<CompositeOptions, "floor">> & Pick<CompositeOptions, "floor">;

const weight = scheduled(z.number()).describe(
  "What the raw score is multiplied by: a number or a schedule; negative for penalties.",
);

const named = Object.fromEntries(
  Object.entries(components).map((
    [name, { schema }],
  ) => [name, (schema as z.ZodObject).safeExtend({ weight })]),
);

/** A component that brings its own function, which YAML cannot. */
const own = z.strictObject({
  weight,
  reward: z.custom((value) => typeof value === "function", {
    error: "must be a function; a saved configuration keeps only its name, so pass the function again",
  }),
});

/** The schema of a reward among whose components those of `names` bring functions. */
export function rewardSchemaWith(names: string[]): OptionsSchema<CompositeSettings, CompositeOptions> {
  return z.strictObject({
    preset: z.enum(Object.keys(rewardPresets)).nullable().default(null).describe(
      "Components of a reference system, which `components` overrides one by one. Default null.",
    ),
    components: z.strictObject({ ...named, ...Object.fromEntries(names.map((name) => [name, own])) })
      .partial()
      .default({}).describe("Components by name, each with its weight."),
    floor: z.number().nullable().optional().describe(
      "The total never falls below this; null: no floor. Default: the preset's, 0 for r3, else none.",
    ),
    timeoutMs: z.int().min(1).default(30_000).describe(
      "Longest wait for an asynchronous component on one completion; a judge that may need longer gets it. Default 30000.",
    ),
  }).superRefine((value, context) => {
    if (value.preset === null && Object.keys(value.components).length === 0) {
      context.addIssue({
        code: "custom",
        path: ["components"],
        message: "must name a component, or give a preset",
      });
    }
  }) as unknown as OptionsSchema<CompositeSettings, CompositeOptions>;
}

/** Options of `compositeReward`, as YAML can say them. */
export const rewardSchema: OptionsSchema<CompositeSettings, CompositeOptions> = rewardSchemaWith([]).register(
  typeNames,
  {
    type: "CompositeOptions",
    from: { CompositeOptions: "lib/rewards/reward_schema.ts" },
  },
);
