import assert from "node:assert/strict";
import { join } from "node:path";
import { normaliseQuestion } from "../../lib/data/normalise_question.ts";
import { readProblems } from "../../lib/data/read_problems.ts";
import { readGsm8k, readSvamp } from "../../lib/data/sources.ts";
import { answersMatch } from "../../lib/answers/answers_match.ts";

Deno.test("the authored problems are distinct, hold no tags and match their own answers", async () => {
  const problems = await readProblems(join(import.meta.dirname!, "../../data/problems"));
  assert.deepEqual(
    [...new Set(problems.map(({ domain }) => domain))].sort(),
    ["coding", "general knowledge", "logic", "maths", "science"],
  );
  assert.equal(new Set(problems.map(({ question }) => normaliseQuestion(question))).size, problems.length);
  for (const { id, answer, reasoning } of problems) {
    assert.ok(answersMatch(answer, answer), id);
    assert.doesNotMatch(reasoning ?? "<", /[<>]/, id);
  }
});

Deno.test("readGsm8k() and readSvamp() read their formats and name the place of a bad record", async () => {
  const folder = await Deno.makeTempDir(), gsm = join(folder, "g.jsonl"), svamp = join(folder, "s.json");
  await Deno.writeTextFile(gsm, JSON.stringify({ question: "Q?", answer: "48/2 = <<48/2=24>>24.\n#### 24" }));
  const [problem] = await readGsm8k(gsm);
  assert.deepEqual([problem.answer, problem.reasoning], ["24", "48/2 = 24."]);
  await Deno.writeTextFile(gsm, JSON.stringify({ question: "Q?", answer: "24" }));
  await assert.rejects(readGsm8k(gsm), /g\.jsonl, line 1: a GSM8K answer ends in/);
  await Deno.writeTextFile(
    svamp,
    JSON.stringify([{ ID: "a", Body: "It is 3", Question: "What?", Answer: 3 }]),
  );
  const [{ question, answer }] = await readSvamp(svamp);
  assert.deepEqual([question, answer], ["It is 3. What?", "3"]);
  await Deno.remove(folder, { recursive: true });
});
