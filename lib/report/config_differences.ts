/** A setting that differs between configurations. */
export interface ConfigDifference {
  /** Its path, such as `grpo.learningRate.peak`. */
  path: string;
  /** Its value in each, as JSON; `null` where it is absent. */
  values: (string | null)[];
}

/**
 * What tells configurations apart, setting by setting, in the order in which they are first met.
 *
 * @example
 * ```ts
 * configDifferences([{ grpo: { beta: 0 } }, { grpo: { beta: 0.1 } }]); // [{ path: "grpo.beta", values: ["0", "0.1"] }]
 * ```
 */
export function configDifferences(configs: readonly unknown[]): ConfigDifference[] {
  const flat = configs.map((config) => new Map(leaves(config)));
  const paths = [...new Set(flat.flatMap((settings) => [...settings.keys()]))];
  return paths.map((path) => ({ path, values: flat.map((settings) => settings.get(path) ?? null) }))
    .filter(({ values }) => new Set(values).size > 1);
}

function leaves(value: unknown, path = ""): [string, string][] {
  if (typeof value !== "object" || value === null || Object.keys(value).length === 0) {
    return path ? [[path, JSON.stringify(value) ?? "null"]] : [];
  }
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key));
}
