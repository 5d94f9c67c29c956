import { dirname } from "node:path";
import { packagedFile } from "../backend/package_files.ts";

/** The models that come with the toolkit, and their files. */
const files: Record<string, string[]> = {
  "tiny-gemma": [
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "tokenizer.json",
    "model.safetensors",
  ],
};

/** Names that `loadModel` knows without a folder or a hub. */
export const embeddedModels: readonly string[] = Object.keys(files);

/**
 * The folder of a model that comes with the toolkit, fetched on first use where the toolkit was imported over the network.
 *
 * @returns `null` when there is none of that name
 * @throws {PackageFileError} when it cannot be fetched
 */
export async function embeddedModel(name: string): Promise<string | null> {
  if (!Object.hasOwn(files, name)) return null;
  const paths = await Promise.all(files[name].map((file) => packagedFile(`data/models/${name}/${file}`)));
  return dirname(paths[0]);
}
