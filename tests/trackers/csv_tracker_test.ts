import assert from "node:assert/strict";
import { csvTracker } from "../../lib/trackers/csv_tracker.ts";
import { begun, inventedSteps } from "./invented_steps.ts";

async function withFile(use: (path: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await use(`${folder}/deeper/metrics.csv`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Rows as objects; no cell of these holds a comma. */
const read = (path: string) => {
  const [head, ...lines] = Deno.readTextFileSync(path).trim().split("\n").map((line) => line.split(","));
  return lines.map((cells) => Object.fromEntries(cells.map((cell, i) => [head[i], cell])));
};

Deno.test("csvTracker() writes a step a row, and gives a metric that comes up later a column of its own", async () => {
  await withFile(async (path) => {
    const tracker = csvTracker(path);
    await tracker.begin(begun);
    for (const step of inventedSteps(1, 3)) await tracker.log([step]);
    const rows = read(path);
    assert.deepEqual(rows.map(({ step }) => step), ["1", "2", "3"]);
    assert.deepEqual(rows.map((row) => row["evaluation/accuracy"]), ["", "0.1", ""]);
    assert.deepEqual(rows.map((row) => row["components/correctness/mean"]), ["0.1", "0.2", "0.3"]);
    assert.equal(rows[2].phase, "easy");
    assert.equal(Number(rows[2].loss), 1 / 3);
  });
});

Deno.test("csvTracker() of a run that goes on replaces the steps that are made again; one that begins starts anew", async () => {
  await withFile(async (path) => {
    const first = csvTracker(path);
    await first.begin(begun);
    await first.log(inventedSteps(1, 4));
    const resumed = csvTracker(path);
    await resumed.begin({ ...begun, resumedStep: 2 });
    await resumed.log(inventedSteps(3, 5, 100));
    assert.deepEqual(read(path).map(({ step }) => step), ["1", "2", "3", "4", "5"]);
    assert.deepEqual(read(path).map(({ loss }) => Number(loss) > 50), [false, false, true, true, true]);
    const anew = csvTracker(path);
    await anew.begin(begun);
    await anew.log(inventedSteps(1, 1));
    assert.equal(read(path).length, 1);
  });
});
