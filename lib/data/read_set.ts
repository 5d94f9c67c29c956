import { DataError } from "./data_error.ts";
import type { Problem } from "./problem.ts";
import type { BadLine, Row, Rows } from "./read_rows.ts";

/** What to do with lines that hold no problem. */
export interface ReadOptions {
  /** `refuse` the file, naming them, or `leave out` those lines and count them. @default "refuse" */
  badLines?: "refuse" | "leave out";
  /** Called with each line that is left out. */
  onBadLine?: (line: BadLine) => void;
}

/** Makes a problem of a record; `index` counts the records of the file from 0. */
export type ProblemReader = (row: Row, index: number) => Problem;

/** Bad lines that an error tells one by one. */
const told = 5;

/**
 * The problems of a file's records. Ids are unique: two records of one id are a fault of the second.
 *
 * @throws {DataError} with the first bad lines, each with its number and reason, unless they are left out
 */
export function readSet(
  path: string,
  { rows, bad }: Rows,
  problemOf: ProblemReader,
  { badLines = "refuse", onBadLine = () => {} }: ReadOptions = {},
): Problem[] {
  const faults = [...bad], problems: Problem[] = [], seen = new Map<string, string>();
  for (const [index, row] of rows.entries()) {
    try {
      const problem = problemOf(row, index), before = seen.get(problem.id);
      if (before !== undefined) {
        throw new DataError(`reading ${row.where}: the id ${problem.id} stands already in ${before}`);
      }
      seen.set(problem.id, row.where);
      problems.push(problem);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      faults.push({ where: row.where, reason: error.message.replace(`reading ${row.where}: `, "") });
    }
  }
  if (faults.length === 0) return problems;
  if (badLines === "leave out") {
    faults.forEach(onBadLine);
    return problems;
  }
  const lines = faults.slice(0, told).map(({ where, reason }) => `${where}: ${reason}`);
  const more = faults.length > told ? [`and ${faults.length - told} more`] : [];
  throw new DataError(
    faults.length === 1
      ? `reading ${lines[0]}`
      : `reading ${path}: ${faults.length} of ${
        rows.length + bad.length
      } records hold no problem; mend them, or set badLines: "leave out"\n  ${
        [...lines, ...more].join("\n  ")
      }`,
  );
}
