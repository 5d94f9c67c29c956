import { dirname, resolve } from "node:path";
import { parse } from "@std/yaml";
import { packagedFile } from "../backend/package_files.ts";
import { displayable } from "../display/displayable.ts";
import { ConfigError } from "../options/config_error.ts";
import { movePaths } from "./config_paths.ts";
import { configToYaml } from "./config_to_yaml.ts";
import { mergeOverrides } from "./merge_overrides.ts";
import { configProblems } from "../options/parse_options.ts";
import type { RunInput } from "./run_input.ts";
import { type RunConfig, runSchema } from "./schema.ts";

/** Any part of a configuration, at any depth. */
export type ConfigOverrides = DeepPartial<RunInput>;

/** A type whose parts may be left out, at any depth; lists are given whole. */
export type DeepPartial<T> = T extends (infer _)[] ? T
  : T extends object ? { [K in keyof T]?: DeepPartial<T[K]> }
  : T;

/** Configurations that come with the toolkit: the demo's, those of the five reference systems, and a real model's. */
const presets = ["demo", "r1", "r2", "r3", "r4", "r5", "smollm2"];

/** The sections that draw random numbers. */
const seeded = ["model", "teacher", "data", "evaluate", "sft", "grpo", "distill"];

/** What the run says once for all sections that put problems to the model. */
const shared = ["systemPrompt", "chatTemplateOptions", "format"];

/** The sections that put problems to the model. */
const prompted = ["evaluate", "sft", "grpo", "distill"];

/** The run's seed and what is shared where a section has none of its own. */
function withShared(config: unknown): unknown {
  if (typeof config !== "object" || config === null) return config;
  const result: Record<string, unknown> = { ...config };
  for (
    const [key, sections] of [
      ["seed", seeded],
      ...shared.map((key) => [key, prompted] as const),
    ] as const
  ) {
    if (result[key] === undefined) continue;
    for (const section of sections) {
      const options = result[section] === undefined && prompted.includes(section) ? {} : result[section];
      if (typeof options === "object" && options !== null) {
        result[section] = { [key]: result[key], ...options };
      }
    }
  }
  return result;
}

async function read(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw new ConfigError(`loading the configuration ${path}`, [{
      path: "",
      value: path,
      rule: `could not be read (${
        (cause as Error).message
      }); give the path of a YAML file, relative to the working directory`,
    }]);
  }
  try {
    return parse(text);
  } catch (cause) {
    throw new ConfigError(`loading the configuration ${path}`, [{
      path: "",
      value: path,
      rule: `is not YAML: ${(cause as Error).message.split("\n")[0]}`,
    }]);
  }
}

/**
 * Loads the configuration of a run from YAML, or one that comes with the toolkit by its name (`demo`, `r1` … `r5`, `smollm2`), lays overrides over it, fills in defaults and checks all of it.
 *
 * Paths in the file are relative to the file, paths in overrides to the working directory; in the result all are relative
 * to the working directory. The run's `seed`, `systemPrompt`, `chatTemplateOptions` and `format` are those of every section that has none. The result is plain data that
 * displays itself as YAML.
 *
 * @param overrides Any part, at any depth; groups merge, lists and groups with another `kind` are replaced.
 * @throws {ConfigError} with every problem at once: path, value, rule and the nearest valid key.
 * @example
 * ```ts
 * import { loadConfig } from "../../mod.ts";
 * const config = await loadConfig("data/configs/demo.yaml", { grpo: { steps: 20 } });
 * config.grpo.steps; // 20
 * ```
 */
export async function loadConfig(path: string | URL, overrides?: ConfigOverrides): Promise<RunConfig> {
  const file = path instanceof URL
    ? decodeURIComponent(path.pathname)
    : presets.includes(path)
    ? await packagedFile(`data/configs/${path}.yaml`)
    : path;
  const base = movePaths(await read(file), dirname(resolve(file)), Deno.cwd());
  const merged = withShared(mergeOverrides(base, movePaths(overrides, Deno.cwd(), Deno.cwd())));
  const result = runSchema.safeParse(merged);
  if (!result.success) {
    throw new ConfigError(
      `the configuration ${file}`,
      configProblems(runSchema, merged, result.error.issues),
    );
  }
  const config = result.data;
  return displayable(config, { text: () => configToYaml(config) });
}
