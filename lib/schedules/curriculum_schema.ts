import { z } from "zod";
import { difficulties } from "../data/problem.ts";
import { typeNames } from "../options/type_names.ts";

const phaseSchema = z.strictObject({
  name: z.string().min(1).describe(
    "Selects the bounds of the trace score: easy, medium or hard; any other as medium.",
  ),
  until: z.number().gt(0).optional().describe(
    "fixed: where the phase ends, as a share of the run up to 1, or as a step above 1; the last phase has none.",
  ),
  difficulties: z.array(z.enum(difficulties)).min(1).describe("What the phase draws from."),
});

/** Options of `curriculum`. */
export const curriculumSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("fixed").describe("Phases change at given places of the run."),
    phases: z.array(phaseSchema).min(1),
  }).superRefine(({ phases }, context) => {
    phases.forEach(({ until }, i) => {
      const last = i === phases.length - 1, before = phases[i - 1]?.until;
      const path = ["phases", i, "until"];
      if (!last && until === undefined) {
        context.addIssue({ code: "custom", path, message: "must be given in all but the last" });
      }
      if (until !== undefined && before !== undefined && until <= before) {
        context.addIssue({ code: "custom", path, message: `must be above the phase's before (${before})` });
      }
    });
  }),
  z.strictObject({
    kind: z.literal("adaptive").describe("Move on when a moving average of correctness passes a threshold."),
    threshold: z.number().gt(0).max(1).default(0.7).describe("Default 0.7."),
    window: z.int().min(1).default(20).describe("Steps in the moving average. Default 20."),
    phases: z.array(phaseSchema.omit({ until: true })).min(1),
  }),
]).register(typeNames, {
  type: "CurriculumSpec",
  from: { CurriculumSpec: "lib/schedules/curriculum.ts" },
});
