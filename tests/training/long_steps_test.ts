import assert from "node:assert/strict";
import { trainingLoop } from "../../lib/training/training_loop.ts";
import { testOnWebgpu } from "../kernels/webgpu/on_webgpu.ts";

/** The steps that checkpoints are saved at by a run of five steps, each of which, and each evaluation, takes some seconds by the clock. */
async function savedAt(seconds: number, evaluateEvery?: number): Promise<string[]> {
  const folder = await Deno.makeTempDir(), { now } = performance;
  let ahead = 0;
  performance.now = () => now.call(performance) + ahead;
  const pass = () => void (ahead += 1000 * seconds), events: string[] = [];
  try {
    await trainingLoop(
      {
        stage: "sft",
        name: "slow",
        title: "slow",
        config: {},
        diagnosis: { stage: "sft" },
        step(index) {
          pass();
          events.push(`step ${index + 1}`);
          const metrics = {
            loss: 1,
            learningRate: 1,
            gradientNorm: 1,
            tokens: 1,
            tokensPerSecond: 1,
            seconds: {},
          };
          return Promise.resolve({ metrics });
        },
        save() {
          events.push("saved");
          return Promise.resolve({ tensors: {}, state: {} });
        },
        restore() {},
      },
      { steps: 5, checkpoints: folder, evaluateEvery },
      {
        evaluation: evaluateEvery === undefined ? undefined : () => {
          pass();
          events.push("evaluated");
          return Promise.resolve({ accuracy: 1 });
        },
      },
    );
  } finally {
    performance.now = now;
    await Deno.remove(folder, { recursive: true });
  }
  return events;
}

testOnWebgpu(
  "trainingLoop() on a GPU saves after the first step, and after every one that takes a minute",
  async () => {
    assert.deepEqual(await savedAt(10), ["step 1", "saved", "step 2", "step 3", "step 4", "step 5"]);
    assert.deepEqual(
      await savedAt(70),
      ["step 1", "saved", "step 2", "saved", "step 3", "saved", "step 4", "saved", "step 5", "saved"],
    );
  },
);

testOnWebgpu(
  "trainingLoop() on a GPU saves before an evaluation that would put a minute of training at risk",
  async () => {
    // after an evaluation there is a checkpoint in any case
    assert.deepEqual(
      await savedAt(10, 2),
      [
        "step 1",
        "saved",
        "step 2",
        "evaluated",
        "saved",
        "step 3",
        "step 4",
        "evaluated",
        "saved",
        "step 5",
        "evaluated",
        "saved",
      ],
    );
    assert.deepEqual(
      (await savedAt(25, 4)).join(),
      "step 1,saved,step 2,step 3,step 4,saved,evaluated,saved,step 5,evaluated,saved",
    );
  },
);
