/**
 * What an input of the public reports needs to be tried on a tree of showwork: its public face, a tiny model, folders that go away.
 */
import { join } from "node:path";

/** What came out, in few words, and whether it is right. */
export interface Outcome {
  came: string;
  right: boolean;
}

/** An input of the file by how its text begins, and how it is tried. */
export type Replays = Record<string, (tree: Tree) => Promise<Outcome>>;

type Showwork = typeof import("../../../mod.ts");
type Tiny = typeof import("../../training/tiny_model.ts");

/** A tree of showwork, today's or an older one. */
export interface Tree {
  /** Its folder. */
  path: string;
  showwork: Showwork;
  tiny: Tiny;
  /** Goes on with a run: its model was among the options once. */
  goOn(path: string, model: ReturnType<Tiny["tinyModel"]>, problems: Tiny["problems"]): Promise<Run>;
}

/** What a stage returns. */
export type Run = Awaited<ReturnType<Showwork["sft"]>>;

/** Opens the tree in `path` on one thread of the CPU. */
export async function openTree(path: string): Promise<Tree> {
  const showwork: Showwork = await import(`file://${join(path, "mod.ts")}`),
    tiny: Tiny = await import(`file://${join(path, "tests/training/tiny_model.ts")}`);
  await showwork.useBackend({ backend: "cpu", threads: 1 });
  const older = showwork.resume as unknown as (path: string, options: unknown) => Promise<Run>;
  return {
    path,
    showwork,
    tiny,
    goOn: (path, model, problems) =>
      showwork.resume.length === 2 && !/^\s*(async )?function resume\(\s*model/.test(`${showwork.resume}`)
        ? older(path, { model, problems, reward: tiny.digits })
        : showwork.resume(model, path, { problems, reward: tiny.digits }),
  };
}

/** What it threw, `null` when it did not. */
export async function refusal(run: () => unknown): Promise<string | null> {
  try {
    await run();
    return null;
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

/** Runs with a folder that is gone afterwards. */
export async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    return await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Everything that is written to the terminal meanwhile, by console or directly. */
export async function written(run: () => Promise<unknown>): Promise<string> {
  let all = "";
  const { log, warn, info, error } = console, { write, writeSync } = Deno.stdout, decoder = new TextDecoder();
  const keep = (...parts: unknown[]) => void (all += parts.map(String).join(" ") + "\n");
  const take = (bytes: Uint8Array) => {
    all += decoder.decode(bytes);
    return bytes.length;
  };
  Object.assign(console, { log: keep, warn: keep, info: keep, error: keep });
  Object.assign(Deno.stdout, { write: (bytes: Uint8Array) => Promise.resolve(take(bytes)), writeSync: take });
  try {
    await run();
  } finally {
    Object.assign(console, { log, warn, info, error });
    Object.assign(Deno.stdout, { write, writeSync });
  }
  return all;
}
