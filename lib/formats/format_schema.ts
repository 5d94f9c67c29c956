import { z } from "zod";
import type { ResponseFormat } from "./response_format.ts";

/** The built-in formats by name. */
export const formatNames = ["tags", "boxed", "graph", "last-number"] as const;

const instructions = z.string().min(1).nullable().optional().describe(
  "What the format tells the model where the run gives no system prompt; null: nothing. Default: the format's own.",
);
const tag = z.string().regex(/^[\p{L}_][\p{L}\p{N}_-]*$/u, "must be letters, digits, _ and -");

const named = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("tags").describe("Reasoning and answer in tags."),
    reasoning: tag.default("reasoning").describe("Name of the tags around the reasoning. Default reasoning."),
    answer: tag.default("answer").describe("Name of the tags around the answer. Default answer."),
    instructions,
  }),
  ...(["boxed", "graph", "last-number"] as const).map((kind) =>
    z.strictObject({ kind: z.literal(kind), instructions })
  ) as [
    z.ZodObject<{ kind: z.ZodLiteral<"boxed" | "graph" | "last-number">; instructions: typeof instructions }>,
  ],
]);

const own = z.custom<ResponseFormat>(
  (value) =>
    typeof value === "object" && value !== null && typeof (value as ResponseFormat).name === "string" &&
    typeof (value as ResponseFormat).read === "function",
  {
    error:
      "must be a name, or an object with `name`, `read`, `check` and `write`; a saved configuration keeps no functions, " +
      "so give a format of yours again",
  },
).meta({ description: "A format of your own, in code only.", not: {} });

/** How answers are written and read; the stages must agree on it. */
export const formatSchema = z.union([z.enum(formatNames), named, own]).default("tags").describe(
  "How answers are written and read: tags, boxed (\\\\boxed{}), graph (R2) or last-number, or one of these with its options. " +
    "Default tags; in a file, the run's.",
);

/** A format as options give it. */
export type FormatInput = z.input<typeof formatSchema>;
/** The same with defaults filled in. */
export type FormatOption = z.output<typeof formatSchema>;
