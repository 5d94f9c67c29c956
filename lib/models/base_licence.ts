import { parse } from "@std/yaml";
import { join } from "node:path";
import { ggufLicence } from "./gguf_source.ts";

/**
 * The licence of a model, as the front matter of the README in its directory names it: `gemma`, `apache-2.0`, or the
 * `license_name` of another one; or as a GGUF file's metadata has it. `undefined` where it says nothing that can be read.
 */
export async function baseLicence(directory: string): Promise<string | undefined> {
  if (directory.endsWith(".gguf")) return await ggufLicence(directory);
  let text: string;
  try {
    text = await Deno.readTextFile(join(directory, "README.md"));
  } catch {
    return undefined;
  }
  const front = /^---\r?\n([\s\S]*?)\r?\n---(\r?\n|$)/.exec(text)?.[1];
  if (front === undefined) return undefined;
  try {
    const { license, license_name } = parse(front) ?? {};
    const named = license === "other" && typeof license_name === "string" ? license_name : license;
    return typeof named === "string" && named.trim() ? named.trim().replaceAll(/\s+/g, " ") : undefined;
  } catch {
    return undefined;
  }
}
