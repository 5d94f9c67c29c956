/**
 * Every input of the public reports, tried on this tree and, with the folder of an older one, on that: a table kind × inputs × before ×
 * after, and each input that is not right. Reads cases/public_reports.json in $SHOWWORK_SHARED.
 *
 * `SHOWWORK_SHARED=… deno run -A tests/bench/public_reports.ts [older tree]`; an older tree needs its own `deno install`.
 */
import { join } from "node:path";
import { textTable } from "../../lib/display/table.ts";
import type { Report } from "./public_reports/one_tree.ts";

const shared = Deno.env.get("SHOWWORK_SHARED");
if (!shared) {
  throw new Error(
    "trying the public reports needs SHOWWORK_SHARED, the folder that holds cases/public_reports.json",
  );
}

const file = join(shared, "cases/public_reports.json");
const reports: Report[] = JSON.parse(await Deno.readTextFile(file));
const program = new URL(import.meta.resolve("./public_reports/one_tree.ts")).pathname;

interface Tried {
  came: string;
  right: boolean;
}

/** The outcome of every report in a process of the tree's own configuration; one that ends early leaves the rest without. */
async function tried(tree: string): Promise<Tried[]> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", join(tree, "deno.json"), program, tree, file],
    cwd: tree,
    env: { SHOWWORK_QUIET: "1", NO_COLOR: "1" },
  }).output();
  const outcomes: Tried[] = [];
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    if (!line.startsWith('{"index"')) continue;
    const { index, ...outcome } = JSON.parse(line);
    outcomes[index] = outcome;
  }
  if (outcomes.length < reports.length) console.error(new TextDecoder().decode(stderr).slice(-2000));
  return reports.map((_, i) => outcomes[i] ?? { came: "the process ended", right: false });
}

const here = new URL("../..", import.meta.url).pathname, [older] = Deno.args;
const after = await tried(here), before = older ? await tried(await Deno.realPath(older)) : null;

const count = (outcomes: Tried[] | null, of: number[]) =>
  outcomes ? `${of.filter((i) => outcomes[i].right).length}` : "";
const kinds = [...new Set(reports.map(({ kind }) => kind))];
const row = (name: string, of: number[]) => [name, `${of.length}`, count(before, of), count(after, of)];
const all = reports.map((_, i) => i), hard = all.filter((i) => reports[i].severity === "hard");
console.log(textTable({
  columns: ["kind", "inputs", "right before", "right after"],
  rows: [
    ...kinds.map((kind) => row(kind, all.filter((i) => reports[i].kind === kind))),
    row("all", all),
    row("of these, hard", hard),
  ],
}));
for (const i of all) {
  if (!after[i].right) {
    console.log(
      `\n${reports[i].severity}: ${reports[i].input}\n  came ${after[i].came}\n  want ${reports[i].want}`,
    );
  }
}
Deno.exit(hard.every((i) => after[i].right) ? 0 : 1);
