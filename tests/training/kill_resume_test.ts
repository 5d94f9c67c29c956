/**
 * A training process is killed (SIGKILL) at random moments and started again each time, until it has been killed often enough
 * and then comes to its end: it must end with the weights, moments, metrics and completions of a run that nothing disturbed.
 *
 * Three kills a stage; `SHOWWORK_KILLS=50 deno test -A tests/training/kill_resume_test.ts` makes fifty.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Random } from "../../lib/random/random.ts";
import { latestCheckpoint, loadCheckpoint } from "../../lib/training/checkpoint.ts";
import type { ProcessOptions, ProcessResult } from "./train_process.ts";

const kills = Number(Deno.env.get("SHOWWORK_KILLS") ?? 3);
const script = new URL(import.meta.resolve("./train_process.ts")).pathname;
const configFile = new URL(import.meta.resolve("../../deno.json")).pathname;

/** Runs the process; with `killAfter` it is killed that many milliseconds after it is ready. */
async function train(options: ProcessOptions, killAfter = Infinity) {
  const args = ["run", "-A", "--no-check", "--config", configFile, script, JSON.stringify(options)];
  const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "piped" }).spawn();
  const errors = new Response(child.stderr).text();
  let text = "", timer: ReturnType<typeof setTimeout> | undefined, result: ProcessResult | null = null;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (timer === undefined && killAfter < Infinity && text.includes("ready")) {
      timer = setTimeout(() => child.kill("SIGKILL"), killAfter);
    }
  }
  const { signal, success } = await child.status;
  clearTimeout(timer);
  assert.ok(success || signal === "SIGKILL", `the training process failed: ${await errors}`);
  if (success) result = JSON.parse(text.trim().split("\n").at(-1)!);
  await errors;
  const saved = [...text.matchAll(/^step (\d+)$/gm)].map((match) => Number(match[1]));
  return { result, saved: Math.max(0, ...saved) };
}

async function inFolder(test: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const stage of ["sft", "grpo"] as const) {
  Deno.test({
    name:
      `${stage}() killed ${kills} times and resumed each time ends as an undisturbed run does, bit for bit`,
    ignore: Deno.build.os === "windows",
    fn: () =>
      inFolder(async (folder) => {
        const random = new Random(kills), steps = 8;
        const begun = performance.now();
        const undisturbed = await train({ stage, steps, root: join(folder, "undisturbed") });
        assert.equal(undisturbed.result!.losses.length, steps);
        const oneStep = Math.min(400, (performance.now() - begun) / steps);

        let killed = 0, finished = 0, lost = 0, round = 0, newest = 0;
        while (killed < kills || finished === 0) {
          const root = join(folder, `killed ${round}`);
          // Some kills fall into the start of a process, most into the first few steps after it.
          const { result, saved } = await train(
            { stage, steps, root },
            killed < kills ? random.next() * 3 * oneStep : Infinity,
          );
          if (result) {
            assert.deepEqual(result, undisturbed.result);
            finished++, round++, newest = 0;
            continue;
          }
          killed++;
          newest = Math.max(newest, saved);
          const path = await latestCheckpoint(root, { warn: (message) => assert.fail(message) });
          if (path === null) lost += newest > 0 ? 1 : 0;
          else if ((await loadCheckpoint(path)).step < newest) lost++;
        }
        assert.equal(lost, 0);
        console.log(
          `${stage}: ${killed} kills, ${lost} checkpoints lost, ${finished} runs finished with the same weights`,
        );
      }),
  });
}

const continued: Pick<ProcessOptions, "stage" | "lora" | "referenceEvery">[] = [
  { stage: "sft" },
  { stage: "grpo" },
  { stage: "grpo", lora: true },
  { stage: "grpo", referenceEvery: 2 },
  { stage: "grpo", lora: true, referenceEvery: 2 },
];
for (const options of continued) {
  const { stage, lora, referenceEvery } = options, first = stage === "grpo" ? 3 : 4;
  const title = `${stage}()${lora ? " with an adapter" : ""}${
    referenceEvery ? " and a moving reference" : ""
  }`;
  Deno.test(`${title} makes ${first} + ${6 - first} steps in two processes as 6 in one, bit for bit`, () =>
    inFolder(async (folder) => {
      const whole = await train({ ...options, steps: 6, root: join(folder, "whole") }),
        root = join(folder, "parts");
      // The schedules know the whole length, so the first process is told of all 6 steps and is stopped.
      await train({ ...options, steps: 6, root, stopAfter: first });
      assert.equal((await loadCheckpoint(root)).step, first);
      const second = await train({ ...options, steps: 6, root });
      assert.deepEqual(second.result, whole.result);
      assert.ok(
        new Set(whole.result!.losses).size > 3,
        "the losses do not move, so equality would say nothing",
      );
      console.log(`${title}: ${whole.result!.tensors.slice(0, 16)} in one process and in two`);
    }));
}
