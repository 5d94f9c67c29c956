import assert from "node:assert/strict";
import { describeTraining, noteTraining, trainedBefore } from "../../lib/models/trained_weights.ts";

Deno.test("trainedBefore() tells the runs that weights have been through, one name's together", () => {
  const weights = {};
  assert.deepEqual(trainedBefore(weights), []);
  noteTraining(weights, { name: "sft", steps: 200 });
  noteTraining(weights, { name: "grpo", steps: 0 });
  noteTraining(weights, { name: "grpo", steps: 40 });
  noteTraining(weights, { name: "grpo", steps: 1 });
  const before = trainedBefore(weights);
  assert.deepEqual(before, [{ name: "sft", steps: 200 }, { name: "grpo", steps: 41 }]);
  assert.match(
    describeTraining(before),
    /^starts from weights trained 200 steps \(sft\) and 41 steps \(grpo\); call model\.reset\(\) before/,
  );
  before[0].steps = 7;
  assert.equal(trainedBefore(weights)[0].steps, 200);
});
