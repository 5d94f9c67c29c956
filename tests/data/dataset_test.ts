import assert from "node:assert/strict";
import { join } from "node:path";
import { loadDataset } from "../../lib/data/dataset.ts";
import { addDistractors } from "../../lib/data/distractors.ts";
import { generateProblems } from "../../lib/data/generator.ts";
import { normaliseQuestion } from "../../lib/data/normalise_question.ts";
import { readProblems } from "../../lib/data/read_problems.ts";
import { readGsm8k, readMath500, readMgsm, readMsvamp, readSvamp } from "../../lib/data/sources.ts";

Deno.test("loadDataset() takes out of train what stands in test", async () => {
  const { train, test } = await loadDataset({
    train: [{ source: "generator", count: 60, seed: 4 }],
    test: [{ source: "generator", count: 20, seed: 4 }],
  });
  const expected = new Set(
    generateProblems({ count: 60, seed: 4 }).map(({ question }) => normaliseQuestion(question)),
  );
  const held = new Set(test.map(({ question }) => normaliseQuestion(question)));
  assert.equal(train.length, expected.size - held.size);
  assert.ok(train.every(({ question }) => !held.has(normaliseQuestion(question))));
});

Deno.test("addDistractors() adds one sentence and leaves the answer", () => {
  const problems = generateProblems({ count: 40, seed: 2 });
  addDistractors(problems, { seed: 1 }).forEach(({ question, answer }, i) => {
    assert.equal(answer, problems[i].answer);
    assert.equal(question.split(/[.?!] ?/).length, problems[i].question.split(/[.?!] ?/).length + 1);
  });
});

Deno.test("readProblems() names file, line and rule of a bad line", async () => {
  const folder = await Deno.makeTempDir(), path = join(folder, "bad.jsonl");
  const good = { id: "a", question: "1 + 1?", answer: "2", difficulty: "easy", domain: "maths" };
  await Deno.writeTextFile(
    path,
    `${JSON.stringify(good)}\n${JSON.stringify({ ...good, id: "b", difficulty: "huge" })}\n`,
  );
  await assert.rejects(
    readProblems(path),
    /bad\.jsonl, line 2: "difficulty" must be easy, medium, hard, got huge/,
  );
  await Deno.writeTextFile(path, `${JSON.stringify(good)}\n{"id"\n`);
  await assert.rejects(readProblems(path), /bad\.jsonl, line 2: it is not JSON/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("readGsm8k() turns calculator annotations into the problem's graph, where they lead to the answer", async () => {
  const folder = await Deno.makeTempDir(), path = join(folder, "gsm8k.jsonl");
  const lines = [
    { question: "Half of 48?", answer: "It is 48/2 = <<48/2=24>>24.\n#### 24" },
    { question: "5 and 3?", answer: "In all 8.\n#### 8" },
  ];
  await Deno.writeTextFile(path, lines.map((line) => JSON.stringify(line)).join("\n"));
  const [half, plain] = await readGsm8k(path);
  assert.equal(half.reasoning, "It is 48/2 = 24.");
  assert.deepEqual(half.graph, {
    nodes: [
      { id: "n1", op: "const", val: 48 },
      { id: "n2", op: "const", val: 2 },
      { id: "n3", op: "div", args: ["n1", "n2"] },
      { id: "final_result", op: "identity", args: ["n3"] },
    ],
  });
  assert.ok(!("graph" in plain));
  await Deno.remove(folder, { recursive: true });
});

const shared = Deno.env.get("SHOWWORK_SHARED");
Deno.test({
  name: "the readers read every line of the real datasets",
  ignore: !shared,
  fn: async () => {
    const at = (name: string) => join(shared!, "datasets", name);
    const sets = await Promise.all([
      readGsm8k(at("gsm8k_train.jsonl")),
      readMath500(at("math500_sample100.jsonl")),
      readMgsm(at("mgsm_en.tsv")),
      readMgsm(at("mgsm_bn.tsv")),
      readSvamp(at("svamp.json")),
      readMsvamp(at("msvamp_bn_sample200.json")),
    ]);
    assert.deepEqual(sets.map(({ length }) => length), [7473, 100, 250, 250, 1000, 200]);
    for (const { id, question, answer } of sets.flat()) assert.ok(question && answer, id);
  },
});
