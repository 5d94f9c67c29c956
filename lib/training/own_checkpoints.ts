import { basename, dirname, join } from "node:path";

const place = ["results", "checkpoints"], temporary = "showwork-checkpoints-";

/**
 * Makes a folder for the checkpoints of a run that was given none, and returns it: `results/checkpoints/grpo-1` in the working directory,
 * where a person finds and removes it, with the next free number; below the system's temporary folder where nothing can be written there.
 *
 * @example
 * ```ts
 * const folder = await ownCheckpoints("grpo"); // …/results/checkpoints/grpo-1
 * await Deno.remove(folder);
 * ```
 */
export async function ownCheckpoints(name: string): Promise<string> {
  try {
    return await numberedFolder(join(Deno.cwd(), ...place), name);
  } catch {
    return await Deno.makeTempDir({ prefix: temporary });
  }
}

/** Makes `NAME-1` below a folder, or with the next number that is free. */
export async function numberedFolder(below: string, name: string): Promise<string> {
  await Deno.mkdir(below, { recursive: true });
  const plain = join(below, name.replaceAll(/[^\p{L}\p{N}._-]+/gu, "-"));
  for (let n = 1;; n++) {
    try {
      await Deno.mkdir(`${plain}-${n}`);
      return `${plain}-${n}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
}

/** Whether a folder is one that {@linkcode ownCheckpoints} makes. */
export function isOwnCheckpoints(folder: string): boolean {
  const above = dirname(folder);
  return basename(folder).startsWith(temporary) ||
    /-\d+$/.test(folder) && [basename(dirname(above)), basename(above)].join() === place.join();
}
