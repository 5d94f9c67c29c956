import { directorySource } from "./directory_source.ts";
import { ggufSource } from "./gguf_source.ts";
import type { HubOptions } from "./model_directory.ts";
import type { ModelSource } from "./model_source.ts";

/**
 * Finds a model: a Hugging Face directory, a GGUF file, a hub id, or a GGUF file of one (`owner/name/file.gguf`).
 *
 * @throws {ModelFileError} when there is no model, or one that is not supported
 * @throws {HubError} when it cannot be fetched
 */
export function findModel(path: string, options: HubOptions = {}): Promise<ModelSource> {
  return path.endsWith(".gguf") ? ggufSource(path, options) : directorySource(path, options);
}
