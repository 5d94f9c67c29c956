import assert from "node:assert/strict";
import { join } from "node:path";
import { setObserver } from "../../lib/display/observer.ts";
import type { Table } from "../../lib/display/table.ts";
import { experimentFigure } from "../../lib/report/experiment_figure.ts";
import { experiment } from "../../lib/stages/experiment.ts";
import { meanInterval } from "../../lib/stages/mean_interval.ts";
import { inventedEvaluation } from "../report/invented.ts";

const score = (settings: Record<string, unknown>, seed: number) => Number(settings.beta) * 2 + seed / 10;

Deno.test("experiment() runs every combination with every seed, and compares seed by seed", async () => {
  setObserver(null);
  const found = await experiment({
    grid: { beta: [0, 0.5], loss: ["grpo", "bnpo"] },
    seeds: [1, 2, 3],
    run: (settings, { seed }) => ({ score: score(settings, seed) }),
  });
  assert.equal(found.ended, "finished");
  assert.deepEqual(found.groups.map(({ name }) => name), [
    "beta 0, loss grpo",
    "beta 0, loss bnpo",
    "beta 0.5, loss grpo",
    "beta 0.5, loss bnpo",
  ]);
  assert.deepEqual(found.groups[2].measures.score, meanInterval([1.1, 1.2, 1.3]));
  // seeds move both alike, so the difference is certain
  const { value, low, high } = found.groups[2].differences.score;
  assert.ok([value, low, high].every((end) => Math.abs(end - 1) < 1e-9), `${value} ${low} ${high}`);
  assert.deepEqual(found.groups[0].differences, {});
  assert.match(Deno.inspect(found), /beta 0\.5, loss bnpo +3 +1\.2 \[/);
  const figure = experimentFigure(found).toJSON() as unknown as { data: { y: number[] }[] };
  assert.equal(figure.data[0].y.length, 12);
  const renamed = found.runs.map((run) => ({ ...run, measures: { deadGroups: run.measures.score } }));
  const groups = found.groups.map((group) => ({ ...group, measures: { deadGroups: group.measures.score } }));
  const titled = JSON.stringify(experimentFigure({ ...found, runs: renamed, groups }, { title: "Rates <1" }));
  assert.match(titled, /Rates &lt;1/);
  assert.match(titled, /dead groups/);
  assert.throws(
    () => experimentFigure(found, { measures: ["speed"] }),
    /must have measured speed, but they have score/,
  );
});

Deno.test("experiment() shows its table as it grows: a row more, a seed more, after every run", async () => {
  const tables: Pick<Table, "columns" | "rows">[] = [];
  setObserver({
    view: () => ({
      update() {},
      note() {},
      table: (table) => void tables.push(table),
      end: () => Promise.resolve(),
    }),
    stop: () => ({ pressed: false, signal: new AbortController().signal, release() {} }),
  });
  try {
    await experiment({
      grid: { beta: [0, 0.5] },
      seeds: [1, 2],
      run: (settings, { seed }) => ({ score: score(settings, seed) }),
    });
  } finally {
    setObserver(null);
  }
  assert.deepEqual(tables.map(({ rows }) => rows.map(([name, seeds]) => `${name}: ${seeds}`)), [
    ["beta 0: 1"],
    ["beta 0: 1", "beta 0.5: 1"],
    ["beta 0: 2", "beta 0.5: 1"],
    ["beta 0: 2", "beta 0.5: 2"],
  ]);
  assert.deepEqual(tables[0].columns, ["", "seeds", "score", "score less the first's"]);
});

Deno.test("experiment() goes on where it was stopped, and keeps every completion", async () => {
  setObserver(null);
  const dir = await Deno.makeTempDir(), made: string[] = [];
  const options = (stopAfter: number) => ({
    grid: { base: { accuracy: 0.3 }, trained: { accuracy: 0.7 } },
    seeds: [1, 2],
    dir,
    run: ({ accuracy }: Record<string, unknown>, { name, seed }: { name: string; seed: number }) => {
      if (made.length === stopAfter) throw new Error("the power went");
      made.push(`${name} ${seed}`);
      return inventedEvaluation(`${name}${seed}`, accuracy as number, 0.9, 30);
    },
  });
  await assert.rejects(experiment(options(3)), /the power went/);
  assert.deepEqual(made, ["base 1", "trained 1", "base 2"]);
  const found = await experiment(options(99));
  assert.deepEqual(made.slice(3), ["trained 2"]);
  assert.deepEqual([found.ended, found.runs.length], ["finished", 4]);
  assert.equal(found.runs[0].evaluation?.items.length, 30);
  const saved = JSON.parse(await Deno.readTextFile(join(dir, "experiment.json")));
  assert.equal(saved.groups[1].measures.accuracy.value, found.groups[1].measures.accuracy.value);
  // other settings under the same name are another run
  await experiment({ ...options(99), grid: { base: { accuracy: 0.4 }, trained: { accuracy: 0.7 } } });
  assert.deepEqual(made.slice(4), ["base 1", "base 2"]);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("experiment() refuses a grid that is none, and names that are the same", async () => {
  const run = () => ({ score: 1 });
  await assert.rejects(experiment({ grid: {}, run }), /grid = \{\} must hold lists of values by setting/);
  await assert.rejects(experiment({ grid: { a: [1, 1] }, run }), /a 1 comes twice/);
  await assert.rejects(experiment({ grid: { a: [1] }, seed: [1], run } as never), /did you mean `seeds`/);
});

Deno.test("experiment() by two workers measures what one process does, in the order planned, and is kept", async () => {
  setObserver(null);
  const run = new URL("./experiment_module.ts", import.meta.url), dir = await Deno.makeTempDir();
  try {
    const given = { grid: { learningRate: [1e-3, 1e-2] }, seeds: [1, 2], run, dir };
    const found = await experiment({ ...given, workers: 2 });
    assert.equal(found.ended, "finished");
    assert.deepEqual(found.runs.map(({ settings, seed }) => [settings.learningRate, seed]), [
      [1e-3, 1],
      [1e-2, 1],
      [1e-3, 2],
      [1e-2, 2],
    ]);
    const alone = await experiment({ ...given, dir: undefined, workers: 1 });
    // one thread each there, all here: the same to rounding
    found.runs.forEach(({ measures }, i) =>
      assert.ok(Math.abs(measures.loss - alone.runs[i].measures.loss) < 1e-5)
    );
    assert.equal(
      new Set(found.runs.map(({ measures }) => measures.process)).size,
      2,
      "all ran in one process",
    );
    const again = await experiment({ ...given, workers: 2 });
    assert.deepEqual(again.runs, found.runs);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("experiment() says which run failed in a worker, and what workers need", async () => {
  setObserver(null);
  const run = new URL("./experiment_module.ts", import.meta.url);
  await assert.rejects(
    experiment({ grid: { learningRate: [-1] }, seeds: [7], run, workers: 2 }),
    /the run learningRate -1, seed 7, failed in its worker: .*learning/s,
  );
  await assert.rejects(
    experiment({ grid: { a: [1] }, run: () => ({}), workers: 2 }),
    /must be the URL of a module/,
  );
  const none = new URL("../house_test.ts", import.meta.url);
  await assert.rejects(
    experiment({ grid: { a: [1] }, run: none, workers: 2 }),
    /must export its run function as default/,
  );
});
