import assert from "node:assert/strict";
import { runTrackers } from "../../lib/training/run_trackers.ts";
import { flatMetrics } from "../../lib/training/flat_metrics.ts";
import type { Tracker } from "../../lib/training/tracker.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import { resume } from "../../lib/stages/resume.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { digits, problems, tinyModel } from "../training/tiny_model.ts";
import { begun, inventedSteps } from "./invented_steps.ts";

/** A tracker that keeps what it is told, and throws while `broken` says so. */
function recorder() {
  const state = {
    steps: [] as number[],
    begun: [] as (number | null)[],
    ended: [] as string[],
    broken: false,
  };
  const tracker: Tracker = {
    name: "The recorder",
    begin: ({ resumedStep }) => void state.begun.push(resumedStep),
    async log(steps) {
      await Promise.resolve();
      if (state.broken) throw new Error("out of order");
      state.steps.push(...steps.map(({ step }) => step));
    },
    end: (ended) => void state.ended.push(ended),
  };
  return { state, tracker };
}

const turn = () => new Promise((done) => setTimeout(done));

Deno.test("runTrackers() says a fault once, and hands over what was not taken when it can", async () => {
  const { state, tracker } = recorder(), well = recorder(), said: string[] = [];
  const trackers = runTrackers([tracker, well.tracker], begun, (text) => said.push(text));
  for (const step of inventedSteps(1, 6)) {
    state.broken = step.step >= 2 && step.step <= 4;
    trackers.log(step);
    await turn();
  }
  await trackers.end("finished");
  assert.deepEqual(state.steps, [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(well.state.steps, [1, 2, 3, 4, 5, 6]);
  assert.deepEqual([state.begun, state.ended], [[null], ["finished"]]);
  assert.deepEqual(said, ["The recorder did not take the metrics (out of order); training goes on"]);
});

Deno.test("runTrackers() says at the end which steps were never taken", async () => {
  const { state, tracker } = recorder(), said: string[] = [];
  state.broken = true;
  const trackers = runTrackers([tracker], begun, (text) => said.push(text));
  for (const step of inventedSteps(1, 3)) trackers.log(step);
  await trackers.end("failed");
  assert.equal(said.length, 2);
  assert.match(said[1], /never took the metrics of the last 3 steps/);
});

Deno.test("flatMetrics() gives each number one name, and leaves out what was not measured", () => {
  const flat = flatMetrics(inventedSteps(2, 2)[0]);
  assert.equal(flat["components/correctness/mean"], 0.2);
  assert.equal(flat["evaluation/accuracy"], 0.1);
  assert.equal(flat["seconds/total"], 2);
  assert.equal(flat.phase, "easy");
  assert.equal("kl" in flat, false);
});

Deno.test({
  name:
    "grpo() tells its trackers of every step, from the right one when it goes on, and outlives one that fails",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await useBackend({ backend: "cpu", threads: 1 });
    const folder = await Deno.makeTempDir(), notes: string[] = [];
    setObserver({
      view: () => ({ update() {}, note: (text) => void notes.push(text), end: () => Promise.resolve() }),
      stop: () => ({ pressed: false, signal: new AbortController().signal, release() {} }),
    });
    try {
      const broken: Tracker = {
        name: "The broken one",
        begin() {
          throw new Error("no such host");
        },
        log() {},
        end() {},
      };
      const first = recorder(), second = recorder(), controller = new AbortController();
      const options = { promptsPerStep: 2, generations: 2, maxTokens: 6, steps: 4, checkpoints: folder };
      const model = tinyModel();
      const run = await grpo(model, problems, {
        ...options,
        reward: digits,
        trackers: [first.tracker, broken],
        signal: controller.signal,
        onStep: ({ step }) => step === 2 && controller.abort(),
      });
      assert.equal(run.ended, "interrupted");
      assert.deepEqual(first.state, { steps: [1, 2], begun: [null], ended: ["interrupted"], broken: false });
      assert.equal(notes.filter((note) => note.includes("no such host")).length, 1);
      assert.equal(run.config.trackers, undefined);
      await resume(model, folder, { problems, reward: digits, trackers: [second.tracker] });
      assert.deepEqual(second.state, { steps: [3, 4], begun: [2], ended: ["finished"], broken: false });
      model.dispose();
    } finally {
      setObserver(null);
      await Deno.remove(folder, { recursive: true });
    }
  },
});
