import { z } from "zod";
import type { OptionsSchema } from "../options/options_schema.ts";
import { typeNames } from "../options/type_names.ts";
import type { ResponseFormat } from "./response_format.ts";
import type { TagsOptions } from "./tags.ts";

/** The built-in formats by name. */
export const formatNames = ["tags", "boxed", "graph", "last-number"] as const satisfies FormatOption[];

/** A format as options give it: by name, with its options, or an object of one's own. */
export type FormatOption =
  | "tags"
  | "boxed"
  | "graph"
  | "last-number"
  | { kind: "tags" } & TagsOptions
  | {
    /** Which format. */
    kind: "boxed" | "graph" | "last-number";
    /** What the format tells the model where the run gives no system prompt; `null`: nothing. @default the format's own */
    instructions?: string | null;
  }
  | ResponseFormat;

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
export const formatSchema: OptionsSchema<FormatOption, FormatOption | undefined> = z.union([
  z.enum(formatNames),
  named,
  own,
]).register(typeNames, {
  type: "FormatOption",
  from: { FormatOption: "lib/formats/format_schema.ts" },
}).default("tags").describe(
  "How answers are written and read: tags, boxed (\\\\boxed{}), graph (R2) or last-number, or one of these with its options. " +
    "Default tags; in a file, the run's.",
);
