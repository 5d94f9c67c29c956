import { join } from "node:path";
import { CheckpointError } from "./checkpoint.ts";

/** A folder of checkpoints that one run has to itself. */
export interface CheckpointsLock {
  /** Gives the folder back; the end of the process does, too. */
  release(): void;
}

/**
 * Takes a folder of checkpoints for one run, so that two at once do not remove each other's. The system holds the lock on
 * `root/.lock` and drops it with the process, however that ends. A disk that has no locks gives none.
 *
 * @throws {CheckpointError} when another run, of this process or another, has the folder
 * @example
 * ```ts
 * const lock = await lockCheckpoints("results/demo/checkpoints", "sft");
 * lock.release();
 * ```
 */
export async function lockCheckpoints(root: string, name: string): Promise<CheckpointsLock> {
  await Deno.mkdir(root, { recursive: true });
  const path = join(root, ".lock"), file = await Deno.open(path, { read: true, write: true, create: true });
  const locked = await file.tryLock(true).catch(() => null);
  if (locked === false) {
    const holder = new TextDecoder().decode(await readAll(file));
    file.close();
    throw new CheckpointError(
      `starting ${name}: ${root} takes the checkpoints of a run that goes on${
        holder ? ` (${holder.trim()})` : ""
      }; wait for its end, or give \`checkpoints\` another folder`,
    );
  }
  await file.truncate();
  await file.write(new TextEncoder().encode(`${name}, process ${Deno.pid}\n`));
  return { release: () => file.close() };
}

async function readAll(file: Deno.FsFile): Promise<Uint8Array> {
  const buffer = new Uint8Array(200), read = await file.read(buffer);
  return buffer.subarray(0, read ?? 0);
}
