import { basename, dirname, join } from "node:path";
import { ggufTokenizer } from "../text/gguf_tokenizer.ts";
import { Tokenizer } from "../text/tokenizer.ts";
import { GgufFile } from "../weights/gguf_file.ts";
import type { GgufValue } from "../weights/gguf_header.ts";
import { downloadGguf } from "../weights/hub.ts";
import { ggufParts } from "../weights/hub_selection.ts";
import { ModelFileError } from "../weights/model_file_error.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { ggufArchitecture, ggufConfig } from "./gguf_config.ts";
import { findGgufParameters } from "./gguf_parameters.ts";
import type { Checkpoint } from "./read_weights.ts";
import { fetching, type HubOptions } from "./model_directory.ts";
import type { ModelSource } from "./model_source.ts";

/**
 * A model in a GGUF file with its tokenizer and template; of a split one (`-00001-of-00003.gguf`) any part names the whole. A path that is
 * no file here is one of the hub, `owner/name/file.gguf`.
 */
export async function ggufSource(given: string, { revision }: HubOptions = {}): Promise<ModelSource> {
  const path = await ggufPath(given, { revision });
  const described = await withFiles(path, ggufConfig);
  return {
    config: described,
    async open() {
      const { config, checkpoint, files: [{ metadata }] } = await openGguf(path);
      try {
        const { tokenizer, config: tokenizerConfig } = ggufTokenizer(metadata, { where: path });
        return { config, tokenizer: new Tokenizer(tokenizer, tokenizerConfig), checkpoint, directory: path };
      } catch (error) {
        for (const file of checkpoint.files) file.close();
        throw error;
      }
    },
  };
}

/** Opens the weights of a GGUF file, whole or split; the caller closes `files`. */
export async function openGguf(
  path: string,
): Promise<{ config: DecoderConfig; checkpoint: Checkpoint; files: GgufFile[] }> {
  const files = await openAll(path);
  try {
    const config = await ggufConfig(files), [{ metadata }] = files;
    const { gguf: { rotaryPairs } } = ggufArchitecture(metadata.get("general.architecture"), path);
    return {
      config,
      checkpoint: { files, places: findGgufParameters(config, { files, rotaryPairs }) },
      files,
    };
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}

/** The file itself, or that of the hub, downloaded with a progress bar. */
async function ggufPath(path: string, { revision }: HubOptions): Promise<string> {
  const [, id, file] = /^([\w][\w.-]*\/[\w][\w.-]*)\/([\w][\w./-]*\.gguf)$/.exec(path) ?? [];
  if (id === undefined || await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  // (a folder of the id's name says that a path of this machine was meant)
  if (await Deno.stat(id).then(({ isDirectory }) => isDirectory, () => false)) return path;
  return await fetching(path, (onProgress) => downloadGguf(id, { file, revision, onProgress }));
}

/** The tokenizer of a GGUF file as the files that a Hugging Face directory has. */
export function ggufTokenizerTexts(path: string): Promise<Record<string, string>> {
  return withFiles(path, ([{ metadata }]) => {
    const { tokenizer, config } = ggufTokenizer(metadata, { where: path });
    const text = (json: unknown) => `${JSON.stringify(json, null, 2)}\n`;
    return { "tokenizer.json": text(tokenizer), "tokenizer_config.json": text(config) };
  });
}

/** All that a GGUF file says before its numbers. */
export function ggufMetadata(path: string): Promise<ReadonlyMap<string, GgufValue>> {
  return withFiles(path, ([{ metadata }]) => metadata);
}

/** What a GGUF file says of its licence. */
export async function ggufLicence(path: string): Promise<string | undefined> {
  const licence = (await ggufMetadata(path)).get("general.license");
  return typeof licence === "string" ? licence : undefined;
}

async function withFiles<T>(path: string, use: (files: GgufFile[]) => T | Promise<T>): Promise<T> {
  const files = await openAll(path);
  try {
    return await use(files);
  } finally {
    for (const file of files) file.close();
  }
}

/** Opens every part of a file; the metadata of the first counts. */
async function openAll(path: string): Promise<GgufFile[]> {
  const names = ggufParts(basename(path)), count = names.length, files: GgufFile[] = [];
  try {
    for (const name of names) files.push(await GgufFile.open(join(dirname(path), name)));
    const said = files[0].metadata.get("split.count") ?? 1;
    if (said !== count && said !== 0) {
      throw new ModelFileError(
        `reading ${path}: split.count says ${said} parts, its name says ${count}; give it the name that it was made with, -00001-of-${
          `${said}`.padStart(5, "0")
        }.gguf`,
      );
    }
    const twice = files.flatMap(({ tensors }) => [...tensors.keys()]).find((name, i, all) =>
      all.indexOf(name) !== i
    );
    if (twice !== undefined) {
      throw new ModelFileError(`reading ${path}: tensor ${JSON.stringify(twice)} is in two parts`);
    }
    return files;
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}
