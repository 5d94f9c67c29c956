import { isAbsolute, relative, resolve } from "node:path";
import { existsSync } from "node:fs";
import { embeddedModels } from "../models/embedded_models.ts";

type Group = Record<string, unknown>;

const isGroup = (value: unknown): value is Group =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `google/gemma-3-270m-it` is a hub id, so is a GGUF file of one (`owner/name/file.gguf`), and `tiny-gemma` the embedded model, unless such a folder exists. */
function isModelName(path: string, from: string): boolean {
  const named = embeddedModels.includes(path) || /^[\w-]+\/[\w.-]+(\/[\w./-]+\.gguf)?$/.test(path);
  return named && !existsSync(resolve(from, path));
}

/**
 * A configuration with every path in it rewritten so that it means from folder `to` what it meant from folder `from`.
 * Works on unchecked data: what is no text where a path belongs stays as it is, for the schema to refuse.
 */
export function movePaths(config: unknown, from: string, to: string): unknown {
  const moved = (value: unknown): unknown => {
    if (typeof value !== "string" || value === "" || isAbsolute(value)) return value;
    const path = relative(to, resolve(from, value)).replaceAll("\\", "/");
    return path === "" ? "." : path.startsWith(".") ? path : `./${path}`;
  };
  const within = (group: unknown, keys: string[]) => {
    if (!isGroup(group)) return group;
    const result = { ...group };
    for (const key of keys) if (key in result) result[key] = moved(result[key]);
    return result;
  };
  const sources = (list: unknown) =>
    Array.isArray(list)
      ? list.map((source) => isGroup(source) && source.source === "hub" ? source : within(source, ["path"]))
      : list;

  if (!isGroup(config)) return config;
  const result: Group = { ...config };
  for (const key of ["model", "teacher"]) {
    const model = result[key];
    if (!isGroup(model)) continue;
    const { path } = model, named = typeof path === "string" && isModelName(path, from);
    result[key] = within(model, named ? ["adapter"] : ["path", "adapter"]);
  }
  if (isGroup(result.data)) {
    const data: Group = { ...result.data };
    for (const key of ["train", "test"]) if (key in data) data[key] = sources(data[key]);
    result.data = data;
  }
  for (const stage of ["sft", "grpo", "distill"]) {
    if (stage in result) result[stage] = within(result[stage], ["checkpoints"]);
  }
  if (
    isGroup(result.reward) && isGroup(result.reward.components) && isGroup(result.reward.components.rubric)
  ) {
    const components = {
      ...result.reward.components,
      rubric: within(result.reward.components.rubric, ["cache"]),
    };
    result.reward = { ...result.reward, components };
  }
  return result;
}
