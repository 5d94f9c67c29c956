import { z } from "zod";
import { scheduled } from "../schedules/schedule_schema.ts";

const weight = scheduled(z.number()).describe(
  "What the raw score is multiplied by: a number or a schedule; negative for penalties.",
);
const words = z.int().min(1);

/** A component's options by its name; `lib/rewards/components.ts` makes each of them. */
export const componentSchemas = {
  correctness: z.strictObject({ weight }),
  trace: z.strictObject({
    weight,
    guard: z.boolean().default(false).describe(
      "Count only pieces that do some work on the problem, so that padding earns nothing. Default false: R3's formula.",
    ),
  }),
  confidence: z.strictObject({
    weight,
    from: z.enum(["logprobs", "length"]).default("logprobs").describe(
      "The model's own probabilities, or R3's length proxy. Default logprobs.",
    ),
  }),
  verbosity: z.strictObject({
    weight,
    unit: z.enum(["tokens", "chars"]).default("tokens").describe("What is counted. Default tokens."),
  }),
  numericFormat: z.strictObject({ weight }),
  formatCompliance: z.strictObject({ weight }),
  repetition: z.strictObject({ weight }),
  missingTags: z.strictObject({ weight }),
  lengthBonus: z.strictObject({
    weight,
    min: words.default(15).describe("Fewest words of reasoning that earn all of it. Default 15."),
    max: words.default(150).describe("Most words that do; nothing is left at twice as many. Default 150."),
  }).refine(({ min, max }) => min <= max, { path: ["max"], message: "must not be below `min`" }),
  computationalGraph: z.strictObject({ weight }),
  rubric: z.strictObject({
    weight,
    baseURL: z.url().nullable().default(null).describe(
      "An OpenAI-compatible endpoint, such as http://localhost:8000/v1. Default null: local heuristics.",
    ),
    model: z.string().min(1).nullable().default(null).describe("The judge's name at that endpoint."),
    apiKeyEnv: z.string().min(1).nullable().default("OPENAI_API_KEY").describe(
      "Name of the environment variable that holds the key; the key itself is never written. Default OPENAI_API_KEY.",
    ),
    timeoutMs: z.int().min(1).default(30_000).describe("Longest wait for one reply. Default 30000."),
    retries: z.int().min(0).default(3).describe("Further attempts after 429, 5xx or a bad reply. Default 3."),
    backoffMs: z.int().min(0).default(500).describe(
      "Wait before the first further attempt, then doubled. Default 500.",
    ),
    responseFormat: z.enum(["json_schema", "json_object", "none"]).default("json_schema").describe(
      "How the reply's form is asked for; older servers know only the latter two. Default json_schema.",
    ),
    concurrency: z.int().min(1).default(4).describe("Requests under way at once. Default 4."),
    cache: z.string().min(1).nullable().default(null).describe(
      "Folder of replies kept by content. Default null: none.",
    ),
  }).refine(({ baseURL, model }) => baseURL === null || model !== null, {
    path: ["model"],
    message: "must name the judge at baseURL",
  }),
};

/** A component that brings its own function, which YAML cannot. */
const ownComponent = z.strictObject({
  weight,
  reward: z.custom((value) => typeof value === "function", {
    error: "must be a function; a saved configuration keeps only its name, so pass the function again",
  }),
});

/** The schema of a reward among whose components those named `own` bring functions. */
export function rewardSchemaWith(own: string[]) {
  return z.strictObject({
    preset: z.enum(["r1", "r2", "r3", "r4", "r5"]).nullable().default(null).describe(
      "Components of a reference system, which `components` overrides one by one. Default null.",
    ),
    components: z.strictObject({
      ...componentSchemas,
      ...Object.fromEntries(own.map((name) => [name, ownComponent])) as Record<never, never>,
    }).partial().default({}).describe("Components by name, each with its weight."),
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
  });
}

/** Options of `compositeReward`, as YAML can say them. */
export const rewardSchema = rewardSchemaWith([]);
