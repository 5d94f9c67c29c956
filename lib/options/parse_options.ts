import type { z } from "zod";
import { ConfigError, type ConfigProblem } from "./config_error.ts";
import { nearest } from "./nearest.ts";

type Issue = z.core.$ZodIssue;
type Schema = z.core.$ZodType;

/** TRL's and PEFT's names for options that are spelt quite otherwise here. */
const foreign: Record<string, string> = {
  num_generations: "generations",
  num_iterations: "iterations",
  max_steps: "steps",
  max_completion_length: "maxTokens",
  max_new_tokens: "maxTokens",
  loss_type: "loss",
  scale_rewards: "advantage",
  importance_sampling_level: "importance",
  mask_truncated_completions: "maskTruncated",
  gradient_accumulation_steps: "gradientAccumulation",
  per_device_train_batch_size: "batchSize",
  epsilon_high: "epsilonHigh",
  delta: "dualClip",
  kl_coef: "beta",
  sync_ref_model: "referenceEvery",
  ref_model_sync_steps: "referenceEvery",
  ref_model_mixup_alpha: "referenceMixup",
  metric_for_best_model: "bestBy",
  lr: "learningRate",
  r: "rank",
  lora_alpha: "alpha",
  lora_dropout: "dropout",
  target_modules: "targets",
  use_rslora: "rankStabilized",
  exclude_modules: "exclude",
  rank_pattern: "rankPattern",
  alpha_pattern: "alphaPattern",
  adapter_name: "name",
  system_prompt: "systemPrompt",
  chat_template_kwargs: "chatTemplateOptions",
  rubricJudge: "rubric",
  traceStructure: "trace",
};

/**
 * Checks the options of one stage at its door, fills in defaults, and refuses unknown keys.
 *
 * @param schema One of the sections of the run's schema, such as `sftSchema`.
 * @param what Whose options they are, for the error: `sft`.
 * @returns The options, complete.
 * @throws {ConfigError} with every problem at once.
 * @example
 * ```ts
 * import { parseOptions } from "./parse_options.ts";
 * import { evaluateSchema } from "../stages/evaluate_schema.ts";
 * parseOptions(evaluateSchema, { limit: 10 }, "evaluate").batchSize; // 64
 * parseOptions(evaluateSchema, { batchsize: 10 } as never, "evaluate");
 * // ConfigError: evaluate options: 1 problem
 * //   batchsize = 10 is not an option; did you mean `batchSize`?
 * ```
 */
export function parseOptions<S extends z.ZodType>(
  schema: S,
  options: z.input<S> | undefined,
  what: string,
): z.output<S> {
  const input: unknown = options ?? {};
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new ConfigError(`${what} options`, configProblems(schema, input, result.error.issues));
}

/** zod's issues in our words. */
export function configProblems(schema: z.ZodType, input: unknown, issues: readonly Issue[]): ConfigProblem[] {
  const problems = issues.flatMap((issue) => problemsOf(schema, input, issue, []));
  return problems.filter((problem, i) =>
    problems.findIndex((other) => other.path === problem.path && other.rule === problem.rule) === i
  );
}

const dotted = (path: PropertyKey[]) =>
  path.map((key, i) => typeof key === "number" ? `[${key}]` : (i ? "." : "") + String(key)).join("");

const valueAt = (input: unknown, path: PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    input,
  );

function problemsOf(schema: z.ZodType, input: unknown, issue: Issue, before: PropertyKey[]): ConfigProblem[] {
  const path = [...before, ...issue.path], value = valueAt(input, path);
  if (issue.code === "unrecognized_keys") {
    const valid = keysAt(schema, path, value);
    return issue.keys.map((key) => ({
      path: dotted([...path, key]),
      value: valueAt(input, [...path, key]),
      rule: "is not an option",
      nearest: Object.hasOwn(foreign, key) && valid.includes(foreign[key])
        ? foreign[key]
        : nearest(key, valid),
    }));
  }
  if (issue.code === "invalid_union") {
    // The branch that was meant is the one that objects only to what is inside it.
    const isObject = typeof value === "object" && value !== null;
    const branches = issue.errors.filter((errors) => errors.length > 0);
    const inside = branches.filter((errors) =>
      errors.every((error) => error.path.length > 0 || error.code === "unrecognized_keys")
    );
    const meant = (isObject ? inside : []).sort((a, b) => a.length - b.length)[0];
    if (meant) return meant.flatMap((error) => problemsOf(schema, input, error, path));
    if (issue.discriminator) {
      const options = discriminatorValues(schema, path.slice(0, -1), issue.discriminator);
      return [{
        path: dotted(path),
        value,
        rule: `must be one of ${options.join(", ")}`,
        nearest: typeof value === "string" ? nearest(value, options) : undefined,
      }];
    }
    const rules = branches.flatMap((errors) => errors.map((error) => rule(error).replace(/^must be /, "")));
    return [{ path: dotted(path), value, rule: `must be ${[...new Set(rules)].join(", or ")}` }];
  }
  const secret = issue.code === "custom" && issue.params?.secret === true;
  const problem: ConfigProblem = { path: dotted(path), value: secret ? "•••" : value, rule: rule(issue) };
  if (issue.code === "invalid_value" && typeof value === "string") {
    problem.nearest = nearest(value, issue.values.map(String));
  }
  if (issue.code === "invalid_key") {
    const inner = issue.issues.find((each) => each.code === "invalid_value");
    if (inner?.code === "invalid_value") {
      problem.rule = `is not one of ${inner.values.map(String).join(", ")}`;
      problem.nearest = nearest(String(path.at(-1)), inner.values.map(String));
    }
  }
  return [problem];
}

const names: Record<string, string> = {
  int: "a whole number",
  number: "a number",
  string: "a text",
  boolean: "true or false",
  array: "a list",
  object: "a group of options",
  record: "a group of options",
  null: "null",
};

function rule(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return `must be ${names[issue.expected] ?? issue.expected}`;
    case "too_small": {
      if (issue.origin === "string" || issue.origin === "array") {
        return issue.minimum === 1 ? "must not be empty" : `must have at least ${issue.minimum} items`;
      }
      return `must be ${issue.inclusive === false ? "above" : "at least"} ${issue.minimum}`;
    }
    case "too_big":
      return `must be ${issue.inclusive === false ? "below" : "at most"} ${issue.maximum}`;
    case "invalid_value":
      return `must be one of ${issue.values.map(String).join(", ")}`;
    case "custom":
      return issue.message;
    default:
      return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
  }
}

// deno-lint-ignore no-explicit-any
type Def = any;

/** The schemas that a path may lead to: through wrappers, unions and records. */
function candidates(schema: Schema, path: PropertyKey[], value: unknown): Def[] {
  const def: Def = schema._zod.def;
  switch (def.type) {
    case "pipe":
      return candidates(def.in._zod.def.type === "transform" ? def.out : def.in, path, value);
    case "optional":
    case "nullable":
    case "default":
    case "prefault":
      return candidates(def.innerType, path, value);
    case "union":
      return def.options.flatMap((option: Schema) => candidates(option, path, value));
  }
  if (path.length === 0) return [def];
  const [key, ...rest] = path;
  if (def.type === "object" && def.shape[key]) return candidates(def.shape[key], rest, value);
  if (def.type === "array") return candidates(def.element, rest, value);
  if (def.type === "record") return candidates(def.valueType, rest, value);
  return [];
}

function keysAt(schema: Schema, path: PropertyKey[], value: unknown): string[] {
  const all = candidates(schema, path, value), objects = all.filter((def) => def.type === "object");
  const record = all.find((def) => def.type === "record" && def.keyType._zod.def.type === "enum");
  if (record) return Object.keys(record.keyType._zod.def.entries);
  // Of a union's members, the one that its discriminator names.
  const fitting = objects.filter((def) =>
    Object.entries(def.shape as Record<string, Schema>).every(([key, member]) => {
      const inner: Def = member._zod.def;
      return inner.type !== "literal" || inner.values.includes((value as Record<string, unknown>)?.[key]);
    })
  );
  return [...new Set((fitting.length ? fitting : objects).flatMap((def) => Object.keys(def.shape)))];
}

function discriminatorValues(schema: Schema, path: PropertyKey[], key: string): string[] {
  return candidates(schema, path, undefined).filter((def) => def.type === "object").flatMap((def) => {
    const member: Def = (def.shape as Record<string, Schema>)[key]?._zod.def;
    return member?.type === "literal"
      ? member.values
      : member?.type === "enum"
      ? Object.keys(member.entries)
      : [];
  });
}
