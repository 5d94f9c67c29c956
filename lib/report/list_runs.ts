import { basename, join, relative, resolve } from "node:path";
import { displayable } from "../display/displayable.ts";
import { formatDuration, formatPercent } from "../display/format_number.ts";
import { htmlTable, type Table, textTable } from "../display/table.ts";
import { checkArgument } from "../options/check_argument.ts";
import type { Rate } from "../stages/evaluation.ts";
import type { FinalResults } from "./final_results.ts";
import { stageLabel } from "./stage_label.ts";

/** An export in a folder of results, in a line. */
export interface ListedRun {
  /** The folder, absolute. */
  dir: string;
  /** The configuration's name and the model's. */
  title: string;
  /** ISO 8601, UTC. */
  exported: string;
  /** What was done, such as `SFT 200 + GRPO 80`, the numbers being steps. */
  stages: string;
  /** The last evaluation's. */
  accuracy: Rate | null;
  /** Of training and evaluation. */
  seconds: number;
  /** `finished`, or how the first stage that did not finish ended. */
  ended: string;
  /** Why the folder's results cannot be read; then the rest says nothing. */
  error?: string;
}

/** What {@linkcode listRuns} returns: plain data that displays as a table. */
export interface RunList {
  /** Where it lies. */
  folder: string;
  /** Newest first. */
  runs: ListedRun[];
}

/**
 * What `exportRun` left below a folder: date, model, stages and steps, accuracy with its interval, minutes, and how each run ended.
 * Folders within folders are searched two deep.
 *
 * @throws {RangeError} when there is no such folder
 * @example
 * ```ts
 * import { listRuns } from "../../mod.ts";
 * console.log(await listRuns(await Deno.makeTempDir())); // or "results"
 * ```
 */
export async function listRuns(folder = "results"): Promise<RunList> {
  checkArgument("listRuns' argument", "path", folder);
  const found: ListedRun[] = [];
  for (const dir of await exportsBelow(resolve(folder), 2, folder)) found.push(await summary(dir));
  found.sort((a, b) => b.exported.localeCompare(a.exported));
  const list: RunList = { folder: resolve(folder), runs: found };
  return displayable(list, {
    text: (shown) => textTable(runsTable(shown)),
    html: (shown) => htmlTable(runsTable(shown)),
  });
}

async function exportsBelow(dir: string, depth: number, asked: string): Promise<string[]> {
  const below: string[] = [];
  let own = false;
  try {
    for await (const { name, isDirectory } of Deno.readDir(dir)) {
      if (name === "final_results.json") own = true;
      else if (isDirectory && depth > 0 && !name.endsWith(".tmp")) {
        below.push(...await exportsBelow(join(dir, name), depth - 1, asked));
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) throw error;
    throw new RangeError(
      `Listing runs: '${asked}' must be a folder of exports, as exportRun("${asked}/demo", …) makes it, but there is none`,
    );
  }
  return [...(own ? [dir] : []), ...below];
}

async function summary(dir: string): Promise<ListedRun> {
  try {
    const results = JSON.parse(await Deno.readTextFile(join(dir, "final_results.json"))) as FinalResults;
    if (results.schema !== "showwork/final-results") throw new Error("it is no export of showwork");
    const { title = basename(dir), exported, seconds, runs, evaluations } = results;
    return {
      dir,
      title,
      exported,
      stages: runs.map(({ name, stepCount }) => `${stageLabel(name)} ${stepCount}`).join(" + ") || "–",
      accuracy: Object.values(evaluations).at(-1)?.accuracy ?? null,
      seconds,
      ended: runs.find(({ ended }) => ended !== "finished")?.ended ?? "finished",
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      dir,
      title: basename(dir),
      exported: "",
      stages: "",
      accuracy: null,
      seconds: 0,
      ended: "",
      error: reason,
    };
  }
}

/** The list as a table; names are relative to its folder. */
export function runsTable({ folder, runs }: RunList): Table {
  return {
    title: `${runs.length} run${runs.length === 1 ? "" : "s"} in ${folder}`,
    columns: ["run", "date (UTC)", "what", "steps", "accuracy", "95 % interval", "time", "ended"],
    rows: runs.map(({ dir, title, exported, stages, accuracy, seconds, ended, error }) => {
      const name = relative(folder, dir) || ".";
      if (error !== undefined) {
        return [name, "–", "–", "–", "–", "–", "–", { text: `unreadable: ${error}`, mark: "worse" }];
      }
      return [
        name,
        exported.slice(0, 16).replace("T", " "),
        title,
        stages,
        accuracy?.total ? formatPercent(accuracy.value) : "–",
        accuracy?.total ? `${(accuracy.low * 100).toFixed(1)} to ${(accuracy.high * 100).toFixed(1)}` : "–",
        formatDuration(seconds),
        ended === "finished" ? ended : { text: ended, mark: "worse" },
      ];
    }),
    notes: runs.length ? ["Accuracy: the last evaluation's."] : ["exportRun() writes them."],
  };
}
