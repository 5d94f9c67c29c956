import { stringify } from "@std/yaml";
import { wholeOptions } from "../stages/grpo_schema.ts";
import { movePaths } from "./config_paths.ts";
import type { RunConfig } from "./schema.ts";

/** Where the text will stand. */
export interface ConfigToYamlOptions {
  /** The folder of the file, so that relative paths stay true. @default the working directory */
  directory?: string;
}

/**
 * A resolved configuration as YAML with every option in it, which `loadConfig` loads again to the same thing. What GRPO's algorithm fills
 * in stands behind it as a comment, so that another algorithm fills in its own.
 *
 * @example
 * ```ts
 * import { configToYaml, loadConfig } from "../../mod.ts";
 * const config = await loadConfig("data/configs/demo.yaml"), directory = await Deno.makeTempDir();
 * await Deno.writeTextFile(`${directory}/config.yaml`, configToYaml(config, { directory }));
 * ```
 */
export function configToYaml(config: RunConfig, options: ConfigToYamlOptions = {}): string {
  const plain = JSON.parse(JSON.stringify(config));
  const text = stringify(movePaths(plain, Deno.cwd(), options.directory ?? Deno.cwd()), { lineWidth: 110 });
  if (!plain.grpo) return text; // a part of a configuration, as a notebook of one stage exports it
  const filledIn = Object.entries(wholeOptions(config.grpo)).filter(([key]) => !(key in plain.grpo));
  if (filledIn.length === 0) return text;
  const comment = filledIn.map(([key, value]) => `${key} ${value}`).join(", ");
  return text.replace(/^ {2}algorithm: .*$/m, (line) => `${line} # fills in ${comment}`);
}
