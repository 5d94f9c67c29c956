import assert from "node:assert/strict";
import { eventRecord } from "../../lib/trackers/event_record.ts";
import { tensorBoardTracker } from "../../lib/trackers/tensor_board_tracker.ts";
import { begun, inventedSteps } from "./invented_steps.ts";

const python = Deno.env.get("SHOWWORK_TRACKERS_PYTHON");
if (!python) {
  console.log(
    "skipped: TensorBoard's own reader and a real Trackio server need SHOWWORK_TRACKERS_PYTHON (tensorboard, trackio)",
  );
}

Deno.test("eventRecord() writes what TensorFlow writes for the same event, byte for byte", () => {
  // by tensorboard 2.21's RecordWriter of Event(wall_time=1.5, step=300, summary=[("loss", 0.25)])
  const hex = Array.from(
    eventRecord({ wallTime: 1.5, step: 300, scalars: { loss: 0.25 } }),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
  assert.equal(hex, "1b000000000000001a0d9e1309000000000000f83f10ac022a0d0a0b0a046c6f7373150000803e9908deed");
});

Deno.test({
  name:
    "tensorBoardTracker() is read by TensorBoard itself, a run that goes on as one curve (SHOWWORK_TRACKERS_PYTHON)",
  ignore: !python,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const first = tensorBoardTracker(folder);
      await first.begin(begun);
      await first.log(inventedSteps(1, 4));
      const resumed = tensorBoardTracker(folder);
      await resumed.begin({ ...begun, resumedStep: 2 });
      for (const step of inventedSteps(3, 6, 100)) await resumed.log([step]);
      const { stdout, stderr } = await new Deno.Command(python!, {
        args: [new URL("./read_events.py", import.meta.url).pathname, folder],
      }).output();
      const text = new TextDecoder().decode(stdout);
      assert.ok(text, new TextDecoder().decode(stderr));
      const read: Record<string, [number, number][]> = JSON.parse(text);
      const expected = [...inventedSteps(1, 2), ...inventedSteps(3, 6, 100)];
      assert.deepEqual(read.loss, expected.map(({ step, loss }) => [step, Math.fround(loss)]));
      assert.deepEqual(
        read["evaluation/accuracy"].map(([step]) => step),
        [2, 4, 6],
      );
      assert.deepEqual(read["components/correctness/mean"].length, 6);
      assert.equal("phase" in read, false);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
