import type { z } from "zod";
import { ConfigError, type ConfigProblem } from "./config_error.ts";
import { nearest } from "./nearest.ts";
import { discriminatorValues, keysAt, optionShape } from "./option_shape.ts";
import { elsewhereSaid, ourName } from "./other_names.ts";

type Issue = z.core.$ZodIssue;

/**
 * Checks the options of one stage before any work, fills in defaults, and refuses unknown keys.
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
 * // parseOptions(evaluateSchema, { batchsize: 10 } as never, "evaluate");
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

/** A key of the hub or of an endpoint under a mistyped name must not be shown. */
const masked = (value: unknown) => typeof value === "string" && /^(hf_|sk-)\w{4}/.test(value) ? "•••" : value;

const valueAt = (input: unknown, path: PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key],
    input,
  );

function problemsOf(schema: z.ZodType, input: unknown, issue: Issue, before: PropertyKey[]): ConfigProblem[] {
  const path = [...before, ...issue.path], value = valueAt(input, path);
  if (issue.code === "unrecognized_keys") {
    const shape = optionShape(schema), valid = keysAt(shape, path, value);
    return issue.keys.map((key) => {
      const ours = ourName(shape, path, key, value), said = ours ? undefined : elsewhereSaid(key);
      return {
        path: dotted([...path, key]),
        value: masked(valueAt(input, [...path, key])),
        rule: said ?? "is not an option",
        nearest: said ? undefined : ours ?? nearest(key, valid),
      };
    });
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
      const options = discriminatorValues(optionShape(schema), path.slice(0, -1), issue.discriminator);
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
