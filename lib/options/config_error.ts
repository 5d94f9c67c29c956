import { PlainError } from "../display/plain_error.ts";

/** One thing that is wrong with a configuration. */
export interface ConfigProblem {
  /** Where, such as `grpo.generations`. */
  path: string;
  /** What stands there; `undefined` when it is missing. */
  value: unknown;
  /** What must hold, such as `must be a whole number of at least 2`. */
  rule: string;
  /** The valid key or value that the writer may have meant. */
  nearest?: string;
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  let text: string;
  try {
    text = typeof value === "function" ? "a function" : JSON.stringify(value) ?? String(value);
  } catch {
    text = String(value);
  }
  return text.length > 80 ? text.slice(0, 77) + "…" : text;
}

/**
 * Options or a configuration file that break rules: every problem at once, each with its path, value, rule and the nearest
 * valid key.
 *
 * @example
 * ```ts
 * import { ConfigError } from "./config_error.ts";
 * new ConfigError("grpo options", [{ path: "bata", value: 0.1, rule: "is not an option", nearest: "beta" }]).message;
 * // grpo options: 1 problem
 * //   bata = 0.1 is not an option; did you mean `beta`?
 * ```
 */
export class ConfigError extends PlainError {
  /** What tells it from other errors. */
  override readonly name = "ConfigError";
  /** Each option that is wrong, with its rule and the way out. */
  readonly problems: ConfigProblem[];

  /** Lists the problems found in `what`, such as `grpo options` or a file's path. */
  constructor(what: string, problems: ConfigProblem[]) {
    const lines = problems.map(({ path, value, rule, nearest }) =>
      `  ${path === "" ? "" : path + " = "}${shown(value)} ${rule}${
        nearest ? `; did you mean \`${nearest}\`?` : ""
      }`
    );
    super(`${what}: ${problems.length} problem${problems.length === 1 ? "" : "s"}\n${lines.join("\n")}`);
    this.problems = problems;
  }
}
