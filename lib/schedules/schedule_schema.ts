import { z } from "zod";
import { typeNames } from "../options/type_names.ts";

/** How a hyperparameter moves from one value to another as the run goes on; `anneal` computes it. */
export const scheduleSchema = z.strictObject({
  kind: z.enum(["linear", "cosine", "exponential", "step"]).describe("The curve between the two values."),
  from: z.number().describe("Value at the start."),
  to: z.number().describe("Value at the end."),
  start: z.number().min(0).max(1).optional().describe(
    "Share of the run at which it begins to move. Default 0.",
  ),
  end: z.number().min(0).max(1).optional().describe("Share of the run at which it has arrived. Default 1."),
  at: z.array(z.number().min(0).max(1)).min(1).optional().describe(
    "step: shares of the run at which it jumps, in equal steps. Default [0.5].",
  ),
}).superRefine((value, context) => {
  const { kind, from, to, start = 0, end = 1 } = value;
  if (kind === "exponential" && !(from * to > 0)) {
    context.addIssue({
      code: "custom",
      path: ["to"],
      message: "must have the sign of `from`, and neither may be 0",
    });
  }
  if (start >= end) context.addIssue({ code: "custom", path: ["end"], message: "must be above `start`" });
  if (value.at && kind !== "step") {
    context.addIssue({ code: "custom", path: ["at"], message: "belongs to kind `step` only" });
  }
});

/** A number, or a schedule whose ends both satisfy the number's rule. */
export const scheduled = (rule: z.ZodNumber) =>
  z.union([
    rule,
    scheduleSchema.superRefine((schedule, context) => {
      for (const key of ["from", "to"] as const) {
        const result = rule.safeParse(schedule[key]);
        if (!result.success) context.addIssue({ ...result.error.issues[0], path: [key] } as never);
      }
    }),
  ]).register(typeNames, { type: "Scheduled", from: { Scheduled: "lib/schedules/anneal.ts" } });

/** A learning rate: one number for the whole run, or a curve with a warm-up. */
export const learningRateSchema = z.union([
  z.number().positive(),
  z.strictObject({
    kind: z.enum(["constant", "linear", "cosine"]).default("constant").describe("Curve after the warm-up."),
    peak: z.number().positive().describe("Highest value, reached when the warm-up ends."),
    warmupSteps: z.int().min(0).optional().describe("Steps of linear warm-up. TRL: warmup_steps. Default 0."),
    warmupRatio: z.number().min(0).max(1).optional().describe(
      "The same as a share of the run. TRL: warmup_ratio. Give one of the two.",
    ),
    final: z.number().min(0).optional().describe("Value at the last step of linear and cosine. Default 0."),
  }).superRefine((value, context) => {
    if (value.warmupSteps !== undefined && value.warmupRatio !== undefined) {
      context.addIssue({
        code: "custom",
        path: ["warmupRatio"],
        message: "stands beside warmupSteps; give one of the two",
      });
    }
    if (value.final !== undefined && value.final > value.peak) {
      context.addIssue({ code: "custom", path: ["final"], message: "must not be above `peak`" });
    }
  }),
]).register(typeNames, {
  type: "number | LearningRateSpec",
  from: { LearningRateSpec: "lib/schedules/learning_rate.ts" },
});
