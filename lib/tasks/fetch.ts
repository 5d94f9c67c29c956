/**
 * `deno task fetch NAME`: brings a real model into `data/models/NAME`, which git ignores. Without a name it lists what there is.
 *
 *     deno task fetch smollm2 [--to FOLDER]
 *
 * @module
 */
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { observer, type StageView } from "../display/observer.ts";
import { PlainError } from "../display/plain_error.ts";
import "../notebook/observe.ts";
import type { HubProgress } from "../weights/hub.ts";
import { projectRoot } from "./environment.ts";
import { fetchableModels } from "./fetchable_models.ts";
import { FetchError, fetchModel } from "./fetch_model.ts";

/** Fetches the model that the arguments name. */
async function fetchByName(args: string[]): Promise<void> {
  const { values, positionals: [name] } = parseArgs({
    args,
    options: { to: { type: "string" } },
    allowPositionals: true,
  });
  const known = Object.entries(fetchableModels).map(([name, { title }]) => `  ${name}: ${title}`).join("\n");
  if (!Object.hasOwn(fetchableModels, name ?? "")) {
    throw new FetchError(
      `deno task fetch needs the name of a model${name ? `, and ${name} is none` : ""}:\n${known}`,
    );
  }
  const model = fetchableModels[name], to = values.to ?? join(projectRoot, "data", "models", name);
  const path = await withBar(name, (onProgress) => fetchModel(model, { to, onProgress }));
  console.error(
    `${model.title}. Licence: ${model.licence}.\nloadModel(${JSON.stringify(relative(".", path))})`,
  );
}

/** Runs a download under a bar, which appears when the hub sends something: pip has its own. */
async function withBar(
  name: string,
  download: (onProgress: (progress: HubProgress) => void) => Promise<string>,
): Promise<string> {
  const bar: { view?: StageView } = {};
  let ended = "failed";
  try {
    const path = await download(({ file, bytes, total }) => {
      bar.view ??= observer().view({ title: `Fetching ${name}`, total: 100, unit: "%" });
      bar.view.update({ step: Math.floor(100 * bytes / total), file });
    });
    ended = "finished";
    return path;
  } finally {
    await bar.view?.end(ended);
  }
}

if (import.meta.main) {
  try {
    await fetchByName(Deno.args);
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}
