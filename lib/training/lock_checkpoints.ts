import { join } from "node:path";
import { CheckpointError } from "./checkpoint.ts";

/** A folder of checkpoints that one run has to itself. */
export interface CheckpointsLock {
  /** Gives the folder back; the end of the process does, too. */
  release(): void;
}

/** Windows opens no folders, so there a file in it is locked. */
const open = (root: string) =>
  Deno.build.os === "windows"
    ? Deno.open(join(root, ".lock"), { read: true, write: true, create: true })
    : Deno.open(root);

/**
 * Takes a folder of checkpoints for one run, so that two at once do not remove each other's. The system holds the lock and drops it
 * with the process, however that ends. A folder that cannot be made, or a disk without locks, gives none.
 *
 * @throws {CheckpointError} when another run, of this process or another, has the folder
 * @example
 * ```ts
 * const lock = await lockCheckpoints("results/demo/checkpoints", "sft");
 * lock?.release();
 * ```
 */
export async function lockCheckpoints(root: string, name: string): Promise<CheckpointsLock | null> {
  let file: Deno.FsFile;
  try {
    await Deno.mkdir(root, { recursive: true });
    file = await open(root);
  } catch {
    return null;
  }
  if (await file.tryLock(true).catch(() => true)) return { release: () => file.close() };
  file.close();
  throw new CheckpointError(
    `starting ${name}: the checkpoints of a run that still goes on are saved in ${root}, and two runs would remove each other's; ` +
      "wait for its end, or give `checkpoints` another folder",
  );
}
