import assert from "node:assert/strict";
import { loadConfig } from "../../lib/config/load_config.ts";
import { loadDataset } from "../../lib/data/dataset.ts";
import { heldOutProblems } from "../../lib/data/held_out.ts";
import { normaliseQuestion } from "../../lib/data/normalise_question.ts";
import { pretrainingDocument } from "../../lib/data/pretraining_text.ts";
import { Random } from "../../lib/random/random.ts";

Deno.test("the pre-training that made the embedded model drew none of the demo's test problems", async () => {
  const { data } = await loadConfig("demo"), { test } = await loadDataset(data);
  const asked = new Set(test.map(({ question }) => normaliseQuestion(question)));
  const exclude = new Set(heldOutProblems().map(({ question }) => normaliseQuestion(question)));
  const random = new Random(2), own = new Set<string>(); // `deno task pretrain`: seed 1 + 1, 3600 steps of 32
  for (let i = 0; i < 3600 * 32; i++) {
    const question = normaliseQuestion(pretrainingDocument(random, { exclude }).prompt);
    if (asked.has(question)) own.add(question);
  }
  assert.equal(asked.size, 480);
  assert.deepEqual([...own], []);
});
