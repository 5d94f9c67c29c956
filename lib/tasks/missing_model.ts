import { join } from "node:path";
import { projectRoot } from "./environment.ts";
import { fetchableModels } from "./fetchable_models.ts";

/**
 * The model that a notebook still waits for: one that its text says is brought by `deno task fetch NAME`, and that is not there.
 *
 * @param models The folder of the models.
 * @returns its name; `null` when the notebook needs none, or it is there
 */
export async function missingModel(
  notebook: string,
  models: string = join(projectRoot, "data", "models"),
): Promise<string | null> {
  const text = await Deno.readTextFile(notebook);
  for (const [name, { file }] of Object.entries(fetchableModels)) {
    if (!new RegExp(`\\bdeno task fetch ${name}\\b`).test(text)) continue;
    const there = await Deno.stat(join(models, name, file)).then(({ isFile }) => isFile, () => false);
    if (!there) return name;
  }
  return null;
}
