import { join } from "node:path";

/** Which files of a repository are wanted. */
export interface HubSelection {
  /** Those to fetch of those there are; none when the repository has not what is wanted. */
  choose(names: string[]): string[];
  /** What is said then: what is missing, and the way out. */
  lacking: string;
  /** Whether a snapshot's folder holds all that is wanted. */
  isWhole(snapshot: string): Promise<boolean>;
}

// stat follows the link: one to a blob that is gone is no file
const has = (snapshot: string, name: string) =>
  Deno.stat(join(snapshot, name)).then(({ isFile }) => isFile, () => false);

const ofTransformers =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|model\.safetensors\.index)\.json$|^chat_template\.jinja$|^tokenizer\.model$|^README\.md$|^model(-\d+-of-\d+)?\.safetensors$/;

/** A model in transformers' format; `weights: false` leaves its weights out. */
export function transformersFiles({ weights }: { weights: boolean }): HubSelection {
  return {
    choose(names) {
      const found = names.filter((name) => ofTransformers.test(name));
      if (!found.includes("config.json") || !found.some((name) => name.endsWith(".safetensors"))) return [];
      return found.filter((name) => weights || !name.endsWith(".safetensors"));
    },
    lacking:
      "the repository has no config.json with model.safetensors; choose one that holds transformers weights, or name a GGUF file " +
      "(owner/name/file.gguf); .bin files are not read",
    async isWhole(snapshot) {
      if (!await has(snapshot, "config.json")) return false;
      if (!weights || await has(snapshot, "model.safetensors")) return true;
      try {
        const index = JSON.parse(await Deno.readTextFile(join(snapshot, "model.safetensors.index.json")));
        const files = [...new Set(Object.values(index.weight_map as Record<string, string>))];
        for (const name of files) if (!await has(snapshot, name)) return false;
        return files.length > 0;
      } catch {
        return false;
      }
    },
  };
}

/** One GGUF file, or all parts of a split one, of which any is named. */
export function ggufFiles(file: string): HubSelection {
  const parts = ggufParts(file);
  return {
    choose: (names) => parts.every((part) => names.includes(part)) ? parts : [],
    lacking: `the repository has no file ${
      parts.length > 1 ? `${parts[0]} to ${parts.at(-1)}` : file
    }; look at its list of files`,
    async isWhole(snapshot) {
      for (const part of parts) if (!await has(snapshot, part)) return false;
      return true;
    },
  };
}

/** The names of all parts of a GGUF file: `m-00002-of-00003.gguf` → three, any other name → itself. */
export function ggufParts(file: string): string[] {
  const split = /^(.*)-\d{5}-of-(\d{5})\.gguf$/.exec(file);
  if (!split) return [file];
  const [, stem, count] = split;
  return Array.from(
    { length: Number(count) },
    (_, i) => `${stem}-${`${i + 1}`.padStart(5, "0")}-of-${count}.gguf`,
  );
}

/** All files below a folder, relative to it. */
export async function filesBelow(folder: string, below = ""): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(join(folder, below))) {
      const path = below ? `${below}/${name}` : name;
      if (isDirectory) found.push(...await filesBelow(folder, path));
      else if (await has(folder, path)) found.push(path);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
}

/** The words of a path: `main/train-00000-of-00001.parquet` is main, train, 00000, of, 00001, parquet. */
const words = (path: string) => path.toLowerCase().split(/[^\p{L}\p{N}]+/u);

/** The files of one split of a data set, of one configuration where it is named: parquet, else JSONL, JSON, CSV or TSV. */
export function dataFiles({ config, split }: { config?: string; split: string }): HubSelection {
  const kinds = [/\.parquet$/i, /\.jsonl(\.gz)?$/i, /\.json(\.gz)?$/i, /\.[ct]sv(\.gz)?$/i];
  const choose = (names: string[]) => {
    const asked = [split, ...config === undefined ? [] : [config]].map((word) => words(word));
    const fitting = names.filter((name) =>
      asked.every((part) => part.every((word) => words(name).includes(word)))
    );
    const kind = kinds.find((kind) => fitting.some((name) => kind.test(name)));
    return kind ? fitting.filter((name) => kind.test(name)) : [];
  };
  return {
    choose,
    lacking: `the repository has no file of split ${split}${
      config === undefined ? "" : ` and configuration ${config}`
    } in parquet, JSONL, JSON, CSV or TSV; look at its list of files`,
    async isWhole(snapshot) {
      const found = choose(await filesBelow(snapshot));
      // parts say how many they are
      const parts = /-of-(\d+)\.\w+$/.exec(found[0] ?? "");
      return found.length > 0 && (!parts || found.length % Number(parts[1]) === 0);
    },
  };
}
