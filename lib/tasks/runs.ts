/**
 * `deno task runs`: what a folder of results holds, in a table; with `--page` their curves and settings over one another as a page.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PlainError } from "../display/plain_error.ts";
import { listRuns } from "../report/list_runs.ts";
import { runsPage } from "../report/runs_page.ts";
import { projectRoot } from "./environment.ts";

const usage = `deno task runs [FOLDER] [--page FILE]: what exportRun left in a folder.
  FOLDER         @default results
  --page FILE    writes a page with the runs' curves over one another and the settings in which they differ`;

try {
  const { values, positionals } = parseArgs({
    options: { page: { type: "string" }, help: { type: "boolean", short: "h", default: false } },
    allowPositionals: true,
  });
  if (values.help) console.log(usage);
  else {
    const folder = positionals[0] ?? join(projectRoot, "results");
    console.log(await listRuns(folder));
    if (values.page) console.log(`\nWrote ${await runsPage(folder, values.page)}`);
  }
} catch (error) {
  if (!(error instanceof PlainError || error instanceof RangeError || error instanceof TypeError)) {
    throw error;
  }
  console.error(error.message);
  Deno.exit(1);
}
