import { join } from "node:path";
import { parseExact, stringifyExact } from "./exact_json.ts";

/** Lists that only grow while a run goes on, such as its metrics and its completions. */
export type GrowingLists = Record<string, unknown[]>;

/** A file that holds the entries [from, to) of one list, one a line. */
interface Segment {
  file: string;
  list: string;
  from: number;
  to: number;
}

const segmentName = /^([a-z]+)-(\d+)-(\d+)\.jsonl$/;

/** The segments among some files, in order. */
function segmentsOf(files: string[]): Segment[] {
  return files.flatMap((file) => {
    const match = segmentName.exec(file);
    return match ? [{ file, list: match[1], from: Number(match[2]), to: Number(match[3]) }] : [];
  }).sort((a, b) => a.from - b.from);
}

/** Where lists go, and the checkpoint before, whose lists they continue. */
export interface WriteListsOptions {
  folder: string;
  /** The names of its files, and its folder. */
  before: { folder: string; files: string[] } | null;
}

/**
 * Writes lists into a checkpoint's folder without writing again what the checkpoint before has of them: its files are linked, or copied
 * where the disk has no links, and only what came since is written. A file that is no longer than what follows it is written again
 * together with it, so that there are about log₂ n files of n entries, and an entry is written about log₂ n times in all.
 *
 * @returns the files that were written, and those that were taken from the checkpoint before
 */
export async function writeLists(
  lists: GrowingLists,
  { folder, before }: WriteListsOptions,
): Promise<{ written: string[]; taken: string[] }> {
  const held = segmentsOf(before?.files ?? []), written: string[] = [], taken: string[] = [];
  for (const [list, entries] of Object.entries(lists)) {
    const kept = held.filter((segment) => segment.list === list);
    // a list that shrank does not continue the one before
    if ((kept.at(-1)?.to ?? 0) > entries.length) kept.length = 0;
    let start = kept.at(-1)?.to ?? 0;
    while (
      kept.length > 0 && kept[kept.length - 1].to - kept[kept.length - 1].from <= entries.length - start
    ) {
      start = kept.pop()!.from;
    }
    for (const { file } of kept) {
      await linkOrCopy(join(before!.folder, file), join(folder, file));
      taken.push(file);
    }
    if (start === entries.length) continue;
    const file = `${list}-${start}-${entries.length}.jsonl`,
      lines = entries.slice(start).map((entry) => stringifyExact(entry) + "\n");
    await Deno.writeTextFile(join(folder, file), lines.join(""));
    written.push(file);
  }
  return { written, taken };
}

/** Reads the lists of a checkpoint back. */
export async function readLists(folder: string, files: string[]): Promise<GrowingLists> {
  const lists: GrowingLists = {};
  for (const { file, list } of segmentsOf(files)) {
    const lines = (await Deno.readTextFile(join(folder, file))).split("\n").slice(0, -1);
    lists[list] = [...lists[list] ?? [], ...lines.map(parseExact)];
  }
  return lists;
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch {
    await Deno.copyFile(from, to);
  }
}
