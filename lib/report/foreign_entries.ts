import { join } from "node:path";
import type { FinalResults } from "./final_results.ts";

/** What an export writes at the top of its folder. */
export const ownEntries: readonly string[] = [
  "final_results.json",
  "metrics.jsonl",
  "completions.jsonl",
  "plots",
  "adapter",
  "model",
  "config.yaml",
  "report.html",
];

/** What may lie in a folder before its first export: what a run and its notebook leave there while they go on. */
const early = /^(checkpoints|metrics\.jsonl|.*\.ipynb|\.ipynb_checkpoints|(?!report\.html$).*\.html)$/;

/**
 * What in a folder would be moved or covered by an export, and was written by no export: beside an earlier export everything is
 * kept but what bears the name of a part of it that it does not have; elsewhere only an empty folder, or one where a run has begun,
 * is taken.
 */
export async function foreignEntries(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) names.push(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  const earlier = await earlierExport(folder);
  if (!earlier) return names.filter((name) => !early.test(name)).sort();
  const written = new Set(earlier.files.map((file) => file.split("/")[0]));
  return names.filter((name) => ownEntries.includes(name) && !written.has(name)).sort();
}

/** The results of the export in `folder`, `null` where there is none. */
async function earlierExport(folder: string): Promise<FinalResults | null> {
  try {
    const results = JSON.parse(await Deno.readTextFile(join(folder, "final_results.json")));
    return results?.schema === "showwork/final-results" && Array.isArray(results.files) ? results : null;
  } catch {
    return null;
  }
}
