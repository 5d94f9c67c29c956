import { stringify } from "@std/yaml";
import { movePaths } from "./config_paths.ts";
import type { RunConfig } from "./schema.ts";

/** Where the text will stand. */
export interface ConfigToYamlOptions {
  /** The folder of the file, so that relative paths stay true. @default the working directory */
  directory?: string;
}

/**
 * A resolved configuration as YAML with every option in it, which `loadConfig` loads again to the same thing.
 *
 * @example
 * ```ts
 * import { configToYaml, loadConfig } from "../../mod.ts";
 * const config = await loadConfig("data/configs/demo.yaml");
 * await Deno.writeTextFile("results/demo/config.yaml", configToYaml(config, { directory: "results/demo" }));
 * ```
 */
export function configToYaml(config: RunConfig, options: ConfigToYamlOptions = {}): string {
  const plain = JSON.parse(JSON.stringify(config));
  return stringify(movePaths(plain, Deno.cwd(), options.directory ?? Deno.cwd()), { lineWidth: 110 });
}
