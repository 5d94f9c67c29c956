import { join } from "node:path";
import { observer } from "../display/observer.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { downloadModel, type HubProgress } from "../weights/hub.ts";
import { embeddedModel } from "./embedded_models.ts";
import { parseModelConfig } from "./model_config.ts";
import { ModelFileError } from "../weights/model_file_error.ts";

/** Which version of a hub id. */
export interface HubOptions {
  /** Branch, tag or commit. @default "main" */
  revision?: string;
}

/** The directory itself, the folder of a model that comes with the toolkit, or the snapshot of a hub id, downloaded with a progress bar; `weights: false` leaves the weights out. */
export async function modelDirectory(
  path: string,
  { revision, weights = true }: HubOptions & { weights?: boolean } = {},
): Promise<string> {
  const isDirectory = await Deno.stat(path).then((stat) => stat.isDirectory, () => false);
  if (isDirectory) return path;
  if (!/^[\w][\w.-]*\/[\w][\w.-]*$/.test(path)) return await embeddedModel(path) ?? path;
  return await fetching(path, (onProgress) => downloadModel(path, { revision, weights, onProgress }));
}

/** Runs a download under a progress bar. */
export async function fetching(
  what: string,
  download: (onProgress: (progress: HubProgress) => void) => Promise<string>,
): Promise<string> {
  const view = observer().view({ title: `Fetching ${what}`, total: 100, unit: "%" });
  let ended = "failed";
  try {
    const path = await download(({ file, bytes, total }) =>
      view.update({ step: Math.floor(100 * bytes / total), file })
    );
    ended = "finished";
    return path;
  } finally {
    await view.end(ended);
  }
}

/** Reads a JSON file of a model; `null` when it is missing and not required. @throws {ModelFileError} naming it */
export async function readModelJson(
  path: string,
  { required }: { required: boolean },
): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (!required && error instanceof Deno.errors.NotFound) return null;
    throw new ModelFileError(
      `loading a model: ${path} ${
        error instanceof Deno.errors.NotFound
          ? "is missing; give a directory with config.json, model.safetensors and tokenizer.json"
          : `cannot be read (${error})`
      }`,
    );
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new ModelFileError(`loading a model: ${path} is not JSON; is the download complete?`);
  }
}

/** The decoder that a directory's `config.json` and `generation_config.json` describe. */
export async function readModelConfig(directory: string): Promise<DecoderConfig> {
  const where = join(directory, "config.json");
  return parseModelConfig(await readModelJson(where, { required: true }), {
    where,
    generation: await readModelJson(join(directory, "generation_config.json"), { required: false }),
  });
}
