import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { bestCheckpoint, CheckpointError, loadCheckpoint } from "../../lib/training/checkpoint.ts";
import { exportRun } from "../../lib/report/export_run.ts";
import { loadRun } from "../../lib/report/load_run.ts";
import { readMetrics } from "../../lib/training/metrics.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { TrainingError } from "../../lib/training/training_error.ts";
import { type LoopStage, trainingLoop } from "../../lib/training/training_loop.ts";
import { canMount, onSmallDisk } from "./small_disk.ts";

/** A stage whose weight is the sum of the steps made: step 1 adds 1, step 2 adds 2. */
function counting(
  { stage = "sft", failAt = Infinity, throwAt = Infinity, size = 1 }: {
    stage?: "sft" | "grpo";
    failAt?: number;
    /** The step that throws. */
    throwAt?: number;
    /** Numbers in the weight; the first counts. */
    size?: number;
  } = {},
) {
  const weight = new Float32Array(size);
  const loop: LoopStage = {
    stage,
    name: stage,
    title: "counting",
    config: { kind: "counting" },
    diagnosis: { stage },
    step(index) {
      if (index + 1 === throwAt) throw new RangeError("out of memory");
      weight[0] += index + 1;
      return Promise.resolve({
        metrics: {
          loss: 1 / (index + 1),
          learningRate: 1e-3,
          gradientNorm: 1,
          tokens: 10,
          tokensPerSecond: 10,
          seconds: {},
        },
        failure: index + 1 === failAt ? "the loss was not finite" : undefined,
      });
    },
    save: () =>
      Promise.resolve({
        tensors: { weight: { shape: [size], data: weight.slice() } },
        state: { sum: weight[0] },
      }),
    restore: ({ tensors }) => weight.set(tensors.weight.data as Float32Array),
  };
  return { loop, weight };
}

async function inFolder(test: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs `body` with a view that keeps the notes, and a stop button that is pressed after `pressAfter` steps. */
async function observed(pressAfter: number, body: () => Promise<unknown>): Promise<string[]> {
  const notes: string[] = [], { signal } = new AbortController();
  let steps = 0;
  setObserver({
    view: () => ({
      update: () => void steps++,
      note: (text) => void notes.push(text),
      end: () => Promise.resolve(),
    }),
    stop: () => ({
      get pressed() {
        return steps >= pressAfter;
      },
      signal,
      release() {},
    }),
  });
  try {
    await body();
  } finally {
    setObserver(null);
  }
  return notes;
}

Deno.test("trainingLoop() makes every step once and numbers them from 1", async () => {
  const { loop, weight } = counting(), seen: number[] = [];
  const run = await trainingLoop(loop, { steps: 5 }, { onStep: ({ step }) => seen.push(step) });
  assert.deepEqual([seen, weight[0], run.ended, run.checkpoint], [
    [1, 2, 3, 4, 5],
    15,
    "finished",
    undefined,
  ]);
});

Deno.test("trainingLoop() ends after the step in which stop was pressed, with a checkpoint to go on from", () =>
  inFolder(async (folder) => {
    let path = "";
    const notes = await observed(3, async () => {
      const run = await trainingLoop(counting().loop, { steps: 9, checkpoints: folder });
      assert.deepEqual([run.ended, run.steps.length], ["interrupted", 3]);
      path = run.checkpoint!;
    });
    assert.match(notes.at(-1)!, /stopped after step 3 of 9; resume from .*step-3/);
    const { loop, weight } = counting();
    const resumed = await trainingLoop(loop, { steps: 9, checkpoints: folder }, { resumeFrom: path });
    assert.deepEqual([resumed.ended, resumed.steps.map(({ step }) => step), weight[0]], ["finished", [
      1,
      2,
      3,
      4,
      5,
      6,
      7,
      8,
      9,
    ], 45]);
  }));

Deno.test("trainingLoop() ends by a signal and by a failure in the same way", () =>
  inFolder(async (folder) => {
    const stop = new AbortController();
    const signalled = await trainingLoop(counting().loop, { steps: 9, checkpoints: folder }, {
      signal: stop.signal,
      onStep: ({ step }) => step === 2 && stop.abort(),
    });
    assert.deepEqual([signalled.ended, signalled.steps.length], ["interrupted", 2]);
    const failed = await trainingLoop(counting({ failAt: 4 }).loop, { steps: 9, checkpoints: folder });
    assert.deepEqual([failed.ended, failed.reason], ["failed", "the loss was not finite"]);
    assert.equal((await loadCheckpoint(folder)).step, 4);
  }));

Deno.test("trainingLoop() ends after the step that passes the time limit", () =>
  inFolder(async (folder) => {
    const run = await trainingLoop(counting().loop, { steps: 9, checkpoints: folder, maxMinutes: 1e-9 });
    assert.deepEqual([run.ended, run.steps.length, (await loadCheckpoint(folder)).step], [
      "time limit",
      1,
      1,
    ]);
  }));

Deno.test("trainingLoop() goes on, and says so, when a checkpoint cannot be saved", () =>
  inFolder(async (folder) => {
    const file = join(folder, "file");
    Deno.writeTextFileSync(file, "no folder");
    const notes = await observed(Infinity, async () => {
      const { loop, weight } = counting();
      const run = await trainingLoop(loop, {
        steps: 4,
        checkpointEvery: 2,
        checkpoints: join(file, "checkpoints"),
      });
      assert.deepEqual([run.ended, run.steps.length, weight[0], run.checkpoint], [
        "finished",
        4,
        10,
        undefined,
      ]);
    });
    assert.equal(
      notes.filter((note) => /No checkpoint was saved at step [24]: .*Training goes on/.test(note)).length,
      2,
    );
  }));

Deno.test("trainingLoop() refuses a folder that takes the checkpoints of a run that goes on, in this process or another", () =>
  inFolder(async (folder) => {
    const options = { steps: 6, checkpoints: folder, checkpointEvery: 1, keepCheckpoints: 1 };
    const refused = (error: unknown) =>
      error instanceof CheckpointError &&
      /starting sft: the checkpoints of a run that still goes on are saved in .* give `checkpoints` another folder/
        .test(error.message);
    const both = await Promise.allSettled([
      trainingLoop(counting().loop, options),
      trainingLoop(counting().loop, options),
    ]);
    // whichever was first has it
    const [first, second] = both[0].status === "fulfilled" ? both : both.toReversed();
    assert.ok(second.status === "rejected" && refused(second.reason), JSON.stringify(second));
    assert.ok(first.status === "fulfilled" && first.value.ended === "finished");
    assert.equal((await loadCheckpoint(first.value.checkpoint!)).step, 6);

    const module = import.meta.resolve("../../lib/training/lock_checkpoints.ts");
    const script = `const { lockCheckpoints } = await import(${JSON.stringify(module)});
      await lockCheckpoints(${
      JSON.stringify(folder)
    }, "sft"); console.log("locked"); setTimeout(() => {}, 60_000);`;
    const config = new URL(import.meta.resolve("../../deno.json")).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", config, "-"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(script));
    await writer.close();
    const output = child.stdout.getReader();
    await output.read();
    await assert.rejects(trainingLoop(counting().loop, options), refused);
    child.kill("SIGKILL");
    await output.cancel();
    await child.status;
    // the lock went with the process
    const resumed = await trainingLoop(counting().loop, { ...options, steps: 8 }, { resumeFrom: folder });
    assert.equal(resumed.steps.length, 8);
  }));

Deno.test("trainingLoop() in the folder of an earlier run leaves its checkpoints alone, and says so", () =>
  inFolder(async (folder) => {
    const options = { steps: 3, checkpoints: folder, checkpointEvery: 1, keepCheckpoints: 1 };
    const first = await trainingLoop(counting().loop, options);
    let second = first;
    const notes = await observed(Infinity, async () => {
      second = await trainingLoop(counting().loop, { ...options, steps: 2 });
    });
    assert.match(notes[0], /holds checkpoints of an earlier run; they are left alone/);
    assert.equal((await loadCheckpoint(first.checkpoint!)).step, 3);
    assert.equal((await loadCheckpoint(second.checkpoint!)).step, 2);
    // the one that was going on last is the one that a folder's name means
    const resumed = await trainingLoop(counting().loop, { ...options, steps: 4 }, { resumeFrom: folder });
    assert.equal(resumed.steps.length, 4);
    assert.equal((await loadCheckpoint(first.checkpoint!)).step, 3);
    await assert.rejects(loadCheckpoint(second.checkpoint!), CheckpointError);
  }));

Deno.test("trainingLoop() resumed with other settings goes on with them, and says what was otherwise", () =>
  inFolder(async (folder) => {
    const { loop } = counting();
    await trainingLoop(loop, { steps: 2, checkpoints: folder, checkpointEvery: 2 });
    const notes = await observed(Infinity, () =>
      trainingLoop(
        { ...counting().loop, config: { kind: "counting", learningRate: 1e-4, checkpoints: "elsewhere" } },
        { steps: 3 },
        { resumeFrom: folder },
      ));
    assert.equal(notes.length, 1);
    assert.match(
      notes[0],
      /^goes on from step 2 of sft \(.*\) with other settings: learningRate none to 0\.0001$/,
    );
  }));

Deno.test("trainingLoop() keeps the best checkpoint by the accuracy it measures, beside the last ones", () =>
  inFolder(async (folder) => {
    const accuracy = [0.1, 0.8, 0.3, 0.2, 0.4];
    let at = 0;
    const run = await trainingLoop(counting().loop, {
      steps: 10,
      checkpoints: folder,
      evaluateEvery: 2,
      keepCheckpoints: 1,
    }, {
      evaluation: () => Promise.resolve({ accuracy: accuracy[at++], formatRate: 1 }),
    });
    assert.deepEqual(
      run.steps.flatMap(({ step, evaluation }) => evaluation ? [[step, evaluation.accuracy]] : []),
      [
        [2, 0.1],
        [4, 0.8],
        [6, 0.3],
        [8, 0.2],
        [10, 0.4],
      ],
    );
    assert.equal((await loadCheckpoint((await bestCheckpoint(folder, { metric: "accuracy" }))!)).step, 4);
    assert.equal((await loadCheckpoint(folder)).step, 10);
    assert.equal([...Deno.readDirSync(folder)].length, 2);
  }));

Deno.test("trainingLoop() refuses to resume a stage from another stage's checkpoint", () =>
  inFolder(async (folder) => {
    await trainingLoop(counting().loop, { steps: 2, checkpointEvery: 1, checkpoints: folder });
    await assert.rejects(
      trainingLoop(counting({ stage: "grpo" }).loop, { steps: 4 }, { resumeFrom: folder }),
      (error: Error) =>
        error instanceof CheckpointError && /resuming grpo: .* is a checkpoint of sft/.test(error.message),
    );
  }));

Deno.test({
  name: "trainingLoop() streams the metrics, and cuts on resume what was made after the checkpoint",
  fn: () =>
    inFolder(async (folder) => {
      const metricsFile = join(folder, "metrics.jsonl"), checkpoints = join(folder, "checkpoints");
      const stop = new AbortController();
      await trainingLoop(counting().loop, { steps: 6, checkpointEvery: 2, checkpoints }, { metricsFile });
      assert.deepEqual(readMetrics(metricsFile).map(({ step }) => step), [1, 2, 3, 4, 5, 6]);
      const [earlier] = [...Deno.readDirSync(checkpoints)].filter(({ name }) => name.endsWith("step-4"));
      await trainingLoop(counting().loop, { steps: 6, checkpoints }, {
        metricsFile,
        resumeFrom: join(checkpoints, earlier.name),
        signal: stop.signal,
        onStep: () => {
          assert.deepEqual(readMetrics(metricsFile).map(({ step }) => step), [1, 2, 3, 4, 5]);
          stop.abort();
        },
      });
    }),
});

Deno.test("trainingLoop() saves the steps before one that throws, and says from where to go on", () =>
  inFolder(async (folder) => {
    const failing = trainingLoop(counting({ throwAt: 4 }).loop, { steps: 6, checkpoints: folder });
    const error = await failing.catch((error) => error);
    assert.ok(error instanceof TrainingError);
    assert.match(
      error.message,
      /^sft failed after 3 of 6 steps: out of memory\. The last checkpoint is .*-step-3: go on with resume\(model, ".*-step-3", \{ problems \}\)\.$/,
    );
    assert.ok(error.cause instanceof RangeError);
    assert.deepEqual([error.run.ended, error.run.steps.length], ["failed", 3]);
    const { loop, weight } = counting();
    const resumed = await trainingLoop(loop, { steps: 6 }, { resumeFrom: error.run.checkpoint });
    assert.deepEqual([resumed.ended, weight[0]], ["finished", 21]);
  }));

Deno.test("trainingLoop() lets an error in the first step be what it is: nothing is lost", () =>
  inFolder(async (folder) => {
    await assert.rejects(
      trainingLoop(counting({ throwAt: 1 }).loop, { steps: 6, checkpoints: folder }),
      (error: Error) => error instanceof RangeError && error.message === "out of memory",
    );
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("trainingLoop() keeps the best across a resume, and evaluates a tenth of the run when not told", () =>
  inFolder(async (folder) => {
    const stop = new AbortController(), accuracy = [0.1, 0.7, 0.2, 0.7, 0.3];
    const evaluation = () => Promise.resolve({ accuracy: accuracy.shift()! });
    await trainingLoop(counting().loop, { steps: 20, checkpoints: folder, keepCheckpoints: 1 }, {
      evaluation,
      signal: stop.signal,
      onStep: ({ step }) => step === 4 && stop.abort(),
    });
    // the checkpoint that is resumed from is the best itself, which it could not know when it was written
    const run = await trainingLoop(counting().loop, { steps: 20, checkpoints: folder, keepCheckpoints: 1 }, {
      evaluation: () => Promise.resolve({ accuracy: accuracy.shift() ?? 0 }),
      resumeFrom: folder,
    });
    assert.deepEqual(run.steps.flatMap(({ step, evaluation }) => evaluation ? [step] : []), [
      2,
      4,
      6,
      8,
      10,
      12,
      14,
      16,
      18,
      20,
    ]);
    assert.deepEqual([run.best!.step, run.best!.metric, run.best!.value], [4, "accuracy", 0.7]);
    assert.equal(run.best!.checkpoint, await bestCheckpoint(folder, { metric: "accuracy" }));
  }));

Deno.test({
  name:
    "trainingLoop() on a disk that fills up trains on, keeps the checkpoint before, and saves again when there is room",
  ignore: !canMount,
  fn: () =>
    onSmallDisk({ kilobytes: 256, ballast: 0 }, async (disk, ballast) => {
      const checkpoints = join(disk, "checkpoints"), metricsFile = join(disk, "metrics.jsonl");
      const { loop, weight } = counting({ size: 10_000 }), whole: number[] = [];
      const notes = await observed(Infinity, async () => {
        const run = await trainingLoop(loop, { steps: 6, checkpointEvery: 2, checkpoints }, {
          metricsFile,
          onStep: ({ step }) => {
            // all that is left, to the last byte
            if (step === 3) fill(ballast);
            if (step === 5) Deno.removeSync(ballast);
          },
        });
        whole.push(run.steps.length, weight[0]);
        assert.equal(run.ended, "finished");
      });
      assert.deepEqual(whole, [6, 21]);
      assert.deepEqual(
        notes.filter((note) => /^No checkpoint was saved at step 4: .*Training goes on/.test(note)).length,
        1,
      );
      assert.equal(notes.filter((note) => /^No checkpoint/.test(note)).length, 1);
      const { step, tensors } = await loadCheckpoint(checkpoints);
      assert.deepEqual([step, (tensors.weight.data as Float32Array)[0]], [6, 21]);
      assert.deepEqual(
        [...Deno.readDirSync(checkpoints)].map(({ name }) => name.replace(/^\d+-/, "")).sort(),
        [
          "step-2",
          "step-6",
        ],
      );
      assert.deepEqual(readMetrics(metricsFile).map(({ step }) => step), [1, 2, 3, 4, 5, 6]);
    }),
});

/** Writes a file until the disk has no room. */
function fill(path: string) {
  using file = Deno.openSync(path, { create: true, write: true });
  for (let size = 1 << 16; size >= 1;) {
    try {
      file.writeSync(new Uint8Array(size));
    } catch {
      size >>= 1;
    }
  }
}

Deno.test("trainingLoop() without a folder keeps checkpoints in results/checkpoints, which its export takes along", () =>
  inFolder(async (folder) => {
    const before = Deno.cwd(), here = await Deno.realPath(folder);
    Deno.chdir(folder);
    try {
      const own = (name: string) => join(here, "results", "checkpoints", name);
      const made = (run: { checkpoint?: string }) => dirname(run.checkpoint!);
      const options = { steps: 4, checkpointEvery: 2 };
      const first = await trainingLoop(counting().loop, options);
      const second = await trainingLoop({ ...counting().loop, name: "sft" }, {
        ...options,
        maxMinutes: 1e-9,
      });
      assert.deepEqual([made(first), made(second)], [own("sft-1"), own("sft-2")]);
      const again = await trainingLoop(counting().loop, options, { resumeFrom: own("sft-2") });
      assert.equal(made(again), own("sft-2"));
      assert.equal(again.steps.length, 4);

      await exportRun(join(here, "out"), { runs: [again] });
      assert.equal(made(again), join(here, "out", "checkpoints", "sft-1"));
      assert.equal((await loadCheckpoint(again.checkpoint!)).step, 4);
      assert.equal((await loadRun(join(here, "out"))).runs[0].checkpoint, again.checkpoint);
      assert.deepEqual([...Deno.readDirSync(join(here, "results", "checkpoints"))].map(({ name }) => name), [
        "sft-1",
      ]);
      await exportRun(join(here, "out"), { runs: [first] });
      assert.equal(made(first), join(here, "out", "checkpoints", "sft-2"));
      await assert.rejects(Deno.stat(join(here, "results")), Deno.errors.NotFound);
      const mine = await trainingLoop(
        { ...counting().loop, config: { kind: "counting", checkpoints: "results/checkpoints/mine-1" } },
        { ...options, checkpoints: "results/checkpoints/mine-1" },
      );
      await exportRun(join(here, "other"), { runs: [mine] });
      assert.equal(made(mine), join("results", "checkpoints", "mine-1"));
    } finally {
      Deno.chdir(before);
    }
  }));
