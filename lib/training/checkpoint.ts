import { PlainError } from "../display/plain_error.ts";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { readSafetensors, writeSafetensors } from "../weights/safetensors.ts";
import { type GrowingLists, readLists, writeLists } from "./checkpoint_lists.ts";
import { parseExact, stringifyExact } from "./exact_json.ts";

/** Numbers with a shape; their bits are kept. */
export interface CheckpointTensor {
  /** Its dimensions. */
  shape: number[];
  /** Its values, row by row. */
  data: Float32Array | Int32Array | Uint8Array;
}

/** All that a run needs to go on as if it had never stopped. */
export interface Checkpoint {
  /** Optimizer updates made so far. */
  step: number;
  /** Weights or adapter, optimizer moments, rollouts in hand: by name. */
  tensors: Record<string, CheckpointTensor>;
  /** Plain data: generators, data cursor, schedules, metrics. NaN, ±Infinity and −0 are kept. */
  state: unknown;
  /**
   * Plain data that only grows and that training can do without, such as completions: what the checkpoint before has of it is not
   * written again, and what is damaged is left out.
   */
  lists?: GrowingLists;
  /** Task metrics that a best checkpoint can be chosen by, such as `{ accuracy: 0.61 }`. */
  metrics?: Record<string, number>;
}

/** What is kept. */
export interface SaveCheckpointOptions {
  /** How many of the newest checkpoints to keep. @default 2 */
  keepLast?: number;
  /** Also keep the checkpoint that is best by one of its `metrics`; among equals the earliest. */
  best?: { metric: string; higherIsBetter?: boolean };
  /** Tells one run's checkpoints from another's below the same root: only its own are removed. @default null */
  run?: string | null;
  /** The folder of the run's checkpoint before, whose `lists` these continue. @default none */
  after?: string;
  /** Told when older checkpoints cannot be removed: the new one is saved all the same. @default console.warn */
  warn?: (message: string) => void;
}

interface Digest {
  bytes: number;
  sha256: string;
}

/** What stands in a checkpoint folder's `manifest.json`, written last. */
interface Manifest {
  format: "showwork checkpoint";
  version: 2;
  run: string | null;
  step: number;
  metrics: Record<string, number>;
  files: Record<string, Digest>;
  /** Files of the lists, which other checkpoints of the run may share. */
  lists: Record<string, Digest>;
  /** SHA-256 of the manifest without this line. */
  sha256: string;
}

/** A checkpoint that could not be saved or loaded. */
export class CheckpointError extends PlainError {
  /** What tells it from other errors. */
  override name = "CheckpointError";
}

/** Numbered in the order of saving, for a run that resumes from an earlier step saves that step again. */
const folderName = /^(\d+)-step-(\d+)$/;
const unfinished = /^\.(saving|removing)-/;

/**
 * Saves a checkpoint in a folder of its own below `root` and returns that folder.
 *
 * The files are written to a temporary folder, synced, and hashed into a manifest; the folder is synced and renamed, and
 * `root` is synced: a kill at any moment leaves either the whole checkpoint or the one before. Older checkpoints of the run are
 * removed only after that. One run at a time may save below a root ({@linkcode lockCheckpoints}).
 *
 * @throws {CheckpointError} when the files cannot be written, as on a full disk: the earlier checkpoints are as they were and
 * training can go on.
 * @example
 * ```ts
 * import { saveCheckpoint } from "../../mod.ts";
 * const weight = { shape: [2], data: new Float32Array([0.5, -0.5]) };
 * await saveCheckpoint("results/demo/checkpoints", { step: 20, tensors: { weight }, state: { seed: 1 } });
 * ```
 */
export async function saveCheckpoint(
  root: string,
  checkpoint: Checkpoint,
  options: SaveCheckpointOptions = {},
): Promise<string> {
  const { step, metrics = {}, lists = {} } = checkpoint;
  const { keepLast = 2, best, run = null, after, warn = console.warn } = options;
  if (!(Number.isInteger(step) && step >= 0)) {
    throw new RangeError(`saveCheckpoint(): step must be a whole number from 0, not ${step}`);
  }
  if (!(Number.isInteger(keepLast) && keepLast >= 1)) {
    throw new RangeError(`saveCheckpoint(): keepLast must be a whole number from 1, not ${keepLast}`);
  }
  const saved = await write(root, { ...checkpoint, metrics, lists }, { run, after });
  try {
    await prune(root, { keepLast, best, run });
  } catch (error) {
    warn(`removing older checkpoints below ${root} failed: ${message(error)}; they can be removed by hand`);
  }
  return saved;
}

/**
 * Loads a checkpoint: `path` itself, or, when `path` is a root, the newest one below it that is whole.
 *
 * Every file's size and SHA-256 must be as its manifest says. Below a root, a checkpoint that is cut short or altered is passed over
 * for the one before, and `warn` is told which and why.
 *
 * @throws {CheckpointError} when there is none that is whole.
 */
export async function loadCheckpoint(
  path: string,
  { warn = console.warn }: { warn?: (message: string) => void } = {},
): Promise<Checkpoint & { path: string }> {
  if (await exists(join(path, "manifest.json"))) return await read(path, await verify(path), warn);
  const found = await newestWhole(path, warn);
  if (found === null) {
    throw new CheckpointError(
      `loading a checkpoint: ${path} holds none that is whole; give a folder that saveCheckpoint() wrote, or start anew`,
    );
  }
  return await read(found.path, found.manifest, warn);
}

/** The folder of the newest checkpoint below `root` that is whole, `null` when there is none; `warn` as for {@linkcode loadCheckpoint}. */
export async function latestCheckpoint(
  root: string,
  { warn = console.warn }: { warn?: (message: string) => void } = {},
): Promise<string | null> {
  return (await newestWhole(root, warn))?.path ?? null;
}

/** Whether there are checkpoints below `root`, whole or not; a folder that cannot be read has none. */
export async function holdsCheckpoints(root: string): Promise<boolean> {
  return (await folders(root).catch(() => [])).length > 0;
}

/** The folder of the checkpoint below `root` that is best by `metric` among those that are whole, `null` when none has it. */
export async function bestCheckpoint(
  root: string,
  { metric, higherIsBetter = true }: { metric: string; higherIsBetter?: boolean },
): Promise<string | null> {
  const whole = [];
  for (const { path } of await folders(root)) {
    try {
      whole.push({ path, manifest: await verify(path) });
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
    }
  }
  return best(whole, { metric, higherIsBetter })?.path ?? null;
}

async function write(
  root: string,
  { step, tensors, state, lists, metrics }: Required<Checkpoint>,
  { run, after }: { run: string | null; after?: string },
): Promise<string> {
  let temporary = "";
  try {
    await Deno.mkdir(root, { recursive: true });
    await removeUnfinished(root);
    temporary = await Deno.makeTempDir({ dir: root, prefix: ".saving-" });
    const manifest: Omit<Manifest, "sha256"> = {
      format: "showwork checkpoint",
      version: 2,
      run,
      step,
      metrics,
      files: {},
      lists: {},
    };
    const add = async (name: string, fill: (path: string) => Promise<void>) => {
      const path = join(temporary, name);
      await fill(path);
      await sync(path);
      manifest.files[name] = await digest(path);
    };
    await add("tensors.safetensors", (path) => writeSafetensors(path, tensors, { step: `${step}` }));
    await add("state.json", (path) => Deno.writeTextFile(path, stringifyExact(state)));
    const before = after === undefined ? null : await readManifest(after).catch(() => null);
    const { written, taken } = await writeLists(lists, {
      folder: temporary,
      before: before && { folder: after!, files: Object.keys(before.lists) },
    });
    for (const name of taken) manifest.lists[name] = before!.lists[name];
    for (const name of written) {
      await sync(join(temporary, name));
      manifest.lists[name] = await digest(join(temporary, name));
    }
    const path = join(temporary, "manifest.json");
    await Deno.writeTextFile(path, stringifyExact({ ...manifest, sha256: sealOf(manifest) }, 1));
    await sync(path);
    await sync(temporary);

    const number = ((await folders(root)).at(-1)?.number ?? 0) + 1;
    const saved = join(root, `${`${number}`.padStart(5, "0")}-step-${step}`);
    await Deno.rename(temporary, saved);
    await sync(root);
    return saved;
  } catch (cause) {
    if (temporary) await Deno.remove(temporary, { recursive: true }).catch(() => {});
    throw new CheckpointError(
      `saving the checkpoint of step ${step} below ${root} failed: ${
        message(cause)
      }. The checkpoints saved earlier are ` +
        `untouched and training can go on; make room, or save somewhere else`,
      { cause },
    );
  }
}

interface Folder {
  path: string;
  number: number;
}

/** In the order of saving. */
async function folders(root: string): Promise<Folder[]> {
  const found: Folder[] = [];
  if (!await exists(root)) return found;
  for await (const { name, isDirectory } of Deno.readDir(root)) {
    const match = folderName.exec(name);
    if (isDirectory && match) found.push({ path: join(root, name), number: +match[1] });
  }
  return found.sort((a, b) => a.number - b.number);
}

async function newestWhole(root: string, warn: (message: string) => void) {
  for (const { path } of (await folders(root)).reverse()) {
    try {
      return { path, manifest: await verify(path) };
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      warn(`${error.message}; using the one before`);
    }
  }
  return null;
}

async function verify(path: string): Promise<Manifest> {
  const broken = (why: string, cause?: unknown) =>
    new CheckpointError(`the checkpoint ${path} ${why}`, { cause });
  const manifest = await readManifest(path).catch((cause) => {
    throw broken(`has no readable manifest.json (${message(cause)})`, cause);
  });
  if (manifest.format !== "showwork checkpoint" || manifest.version !== 2) {
    throw broken(
      `is of format ${
        JSON.stringify(manifest.format)
      }, version ${manifest.version}; expected "showwork checkpoint", 2`,
    );
  }
  for (const [name, expected] of Object.entries(manifest.files)) {
    const fault = await faultOf(join(path, name), expected);
    if (fault) throw broken(`${fault.what}: ${name} ${fault.how}`, fault.cause);
  }
  return manifest;
}

/** What is wrong with a file whose manifest says what it should be, `null` when nothing is. */
async function faultOf(path: string, expected: Digest) {
  let found: Digest;
  try {
    found = await digest(path);
  } catch (cause) {
    return { what: "lacks a file", how: `cannot be read (${message(cause)})`, cause };
  }
  if (found.bytes !== expected.bytes) {
    return {
      what: "is cut short or altered",
      how: `has ${found.bytes} bytes, its manifest says ${expected.bytes}`,
    };
  }
  if (found.sha256 === expected.sha256) return null;
  return { what: "is altered", how: `has the SHA-256 ${found.sha256}, its manifest says ${expected.sha256}` };
}

async function readManifest(path: string): Promise<Manifest> {
  const manifest = parseExact(await Deno.readTextFile(join(path, "manifest.json"))) as Manifest;
  const { sha256, ...rest } = manifest;
  if (sha256 !== sealOf(rest)) throw new SyntaxError("its SHA-256 does not fit");
  return manifest;
}

function sealOf(manifest: Omit<Manifest, "sha256">): string {
  return createHash("sha256").update(stringifyExact(manifest)).digest("hex");
}

async function read(
  path: string,
  manifest: Manifest,
  warn: (message: string) => void,
): Promise<Checkpoint & { path: string }> {
  const { tensors } = await readSafetensors(join(path, "tensors.safetensors"));
  const state = parseExact(await Deno.readTextFile(join(path, "state.json"))), sound: string[] = [];
  for (const [name, expected] of Object.entries(manifest.lists)) {
    const fault = await faultOf(join(path, name), expected);
    if (fault === null) sound.push(name);
    else warn(`the checkpoint ${path} ${fault.what}: ${name} ${fault.how}; what it listed is left out`);
  }
  const lists = await readLists(path, sound);
  return { path, step: manifest.step, tensors, state, lists, metrics: manifest.metrics };
}

function best<T extends { manifest: Manifest }>(
  candidates: T[],
  { metric, higherIsBetter = true }: { metric: string; higherIsBetter?: boolean },
): T | undefined {
  const sign = higherIsBetter ? 1 : -1;
  const value = ({ manifest }: T) => sign * (manifest.metrics[metric] ?? NaN);
  return candidates.filter((candidate) => !Number.isNaN(value(candidate)))
    .reduce<T | undefined>(
      (top, next) => top === undefined || value(next) > value(top) ? next : top,
      undefined,
    );
}

async function prune(
  root: string,
  { keepLast, best: by, run }:
    & Required<Pick<SaveCheckpointOptions, "keepLast" | "run">>
    & SaveCheckpointOptions,
) {
  const own: { path: string; manifest: Manifest | null }[] = [];
  for (const { path } of await folders(root)) {
    const manifest = await readManifest(path).catch(() => null);
    // what cannot be read is nobody's
    if (manifest === null || manifest.run === run) own.push({ path, manifest });
  }
  const keep = new Set(own.slice(-keepLast).map(({ path }) => path));
  const known = own.flatMap(({ path, manifest }) => manifest ? [{ path, manifest }] : []);
  const top = by && best(known, by);
  if (top) keep.add(top.path);
  for (const { path } of own.filter(({ path }) => !keep.has(path))) {
    const removing = join(root, `.removing-${path.split(/[\\/]/).at(-1)}`);
    await Deno.rename(path, removing);
    await Deno.remove(removing, { recursive: true });
  }
}

/** What cannot be removed stays; it is in nobody's way. */
async function removeUnfinished(root: string) {
  for await (const { name } of Deno.readDir(root)) {
    if (unfinished.test(name)) await Deno.remove(join(root, name), { recursive: true }).catch(() => {});
  }
}

async function digest(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256"), buffer = new Uint8Array(1 << 20);
  using file = await Deno.open(path);
  let bytes = 0;
  for (let read; (read = await file.read(buffer)) !== null; bytes += read) {
    hash.update(buffer.subarray(0, read));
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Waits until a file, or the names in a folder, are on the disk. Windows cannot open a folder, and needs no such call. */
async function sync(path: string) {
  if (Deno.build.os === "windows" && (await Deno.stat(path)).isDirectory) return;
  using file = await Deno.open(path);
  await file.sync();
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const message = (cause: unknown) => cause instanceof Error ? cause.message : String(cause);
