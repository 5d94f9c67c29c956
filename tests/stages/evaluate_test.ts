import assert from "node:assert/strict";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { EvaluationItem } from "../../lib/stages/evaluation.ts";
import { evaluate } from "../../lib/stages/evaluate.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { problems, tinyModel } from "../training/tiny_model.ts";

testOnCpu("evaluate() gives pass@k and maj@k over problems, from the samples that it keeps", async () => {
  setObserver(null);
  await startEngine({ threads: 1 });
  const model = tinyModel(), some = problems.slice(0, 3);
  // random weights are never right, so the sampler says what is written here: how many of four are right, a problem each
  const right = [1, 2, 0];
  const scripted = Object.create(model, {
    generate: {
      value: async (...args: Parameters<typeof model.generate>) => {
        const drawn = await model.generate(...args), seen = [0, 0, 0];
        return drawn.map((completion) => {
          const at = seen[completion.prompt]++, { answer } = some[completion.prompt];
          return {
            ...completion,
            text: `<answer>${at < right[completion.prompt] ? answer : 900 + at}</answer>`,
          };
        });
      },
    },
  });
  const found = await evaluate(scripted, some, {
    samples: 4,
    temperature: 1,
    passAt: [1, 2, 4],
    maxTokens: 2,
  });
  assert.equal(found.items.length, 12);
  const count = (id: string) =>
    found.items.filter((item: EvaluationItem) => item.problemId === id && item.correct).length;
  assert.deepEqual(some.map(({ id }) => count(id)), right);
  // 1 − C(4−c, k)/C(4, k) for c = 1, 2, 0
  const close = (actual: number, expected: number) =>
    assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}, ${expected}`);
  close(found.passAt[1], (1 / 4 + 2 / 4) / 3);
  close(found.passAt[2], (1 / 2 + 5 / 6) / 3);
  close(found.passAt[4], (1 + 1) / 3);
  // of two votes: a tie is half right, two right ones win; of four: two right against one each
  close(found.majorityAt[1], 2 / 3);
  close(found.majorityAt[2], (1 / 2 + 1) / 3);
  close(found.majorityAt[4], (1 / 4 + 1) / 3);
  assert.match(Deno.inspect(found), /pass@4 +66\.7 %/);
  assert.match(Deno.inspect(found), /maj@4 +41\.7 %/);
  model.dispose();
});
