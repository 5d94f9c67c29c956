import { dirname, join } from "node:path";
import type { Fork } from "./run.ts";

const recordFile = (checkpoint: string) => join(dirname(checkpoint), "forks.jsonl");

/**
 * Writes beside a run's checkpoints that another run went on from one of them, so that a run which is on the disk alone knows it too.
 *
 * @param fork `run` is the name of the one that went on.
 */
export async function recordFork(fork: Fork): Promise<void> {
  await Deno.writeTextFile(recordFile(fork.checkpoint), `${JSON.stringify(fork)}\n`, { append: true });
}

/** The runs that went on with other settings from the checkpoints of a run, the oldest first. */
export async function recordedForks(checkpoint: string | undefined): Promise<Fork[]> {
  if (checkpoint === undefined) return [];
  const text = await Deno.readTextFile(recordFile(checkpoint)).catch(() => "");
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}
