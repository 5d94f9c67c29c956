import assert from "node:assert/strict";
import { join } from "node:path";
import { loadDataset } from "../../lib/data/dataset.ts";
import { addDistractors } from "../../lib/data/distractors.ts";
import { generateProblems } from "../../lib/data/generator.ts";
import { normaliseQuestion } from "../../lib/data/normalise_question.ts";
import { registerSource } from "../../lib/data/source_registry.ts";
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

Deno.test("loadDataset() gives generated problems distractors of the kinds asked for, beside the same without", async () => {
  const plain = { source: "generator", count: 40, seed: 4 } as const;
  const { test } = await loadDataset({
    train: [{ source: "generator", count: 20, seed: 5 }],
    test: [plain, { ...plain, distractors: 1, distractorKinds: ["thing"] }],
  });
  const [before, after] = [test.slice(0, 40), test.slice(40)];
  assert.deepEqual(before, generateProblems({ count: 40, seed: 4 }));
  assert.deepEqual(after, addDistractors(before, { seed: 4, kinds: ["thing"] }));
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

Deno.test("loadDataset() gives every problem an id of its own, whatever file it comes from", async () => {
  const folder = await Deno.makeTempDir();
  const write = async (path: string, numbers: number[]) => {
    await Deno.mkdir(join(folder, path, ".."), { recursive: true });
    const lines = numbers.map((n) =>
      JSON.stringify({ question: `What is ${n} + 1?`, answer: `#### ${n + 1}` })
    );
    await Deno.writeTextFile(join(folder, path), lines.join("\n"));
    return { source: "gsm8k" as const, path: join(folder, path) };
  };
  const [a, b, c] = await Promise.all([
    write("a/test.jsonl", [1, 2]),
    write("b/test.jsonl", [3, 4]),
    write("train.jsonl", [5, 6]),
  ]);
  const { train, test } = await loadDataset({ train: [c], test: [a, b] });
  assert.deepEqual(test.map(({ id }) => id), [
    "gsm8k/test/0",
    "gsm8k/test/1",
    "gsm8k/test/0#2",
    "gsm8k/test/1#2",
  ]);
  assert.equal(new Set([...train, ...test].map(({ id }) => id)).size, 6);
  await Deno.writeTextFile(a.path, '{"n":7,"q":"1 + 1?","a":2}\n{"n":7,"q":"1 + 2?","a":3}');
  const fields = { question: "q", answer: "a", id: "n" };
  await assert.rejects(
    loadDataset({ train: [{ source: "jsonl", path: a.path, fields }] }),
    /test\.jsonl, line 2: the id 7 stands already in .*line 1/,
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("loadDataset() takes a path or records, guesses the fields and splits a share off", async () => {
  const folder = await Deno.makeTempDir(), path = join(folder, "my.csv");
  const rows = Array.from({ length: 20 }, (_, i) => ({ prompt: `What is ${i} + 1?`, target: i + 1 }));
  await Deno.writeTextFile(
    path,
    ["prompt,target", ...rows.map((row) => `${row.prompt},${row.target}`)].join("\n"),
  );
  for (const given of [path, rows]) {
    const { train, test } = await loadDataset(given, { split: 0.25, seed: 3 });
    assert.deepEqual([train.length, test.length], [15, 5]);
    assert.ok(
      [...train, ...test].every(({ question, answer }) => question === `What is ${Number(answer) - 1} + 1?`),
    );
  }
  await assert.rejects(
    loadDataset(rows, { spilt: 0.2 } as never),
    /spilt = 0\.2 is not an option; did you mean `split`/,
  );
  await assert.rejects(loadDataset({ train: [], test: [] }), /train = \[\] must not be empty/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("loadDataset() refuses bad lines by number and reason, or leaves them out and says so", async () => {
  const folder = await Deno.makeTempDir(), path = join(folder, "a.jsonl");
  const good = Array.from({ length: 5 }, (_, i) => JSON.stringify({ question: `${i} + 1?`, answer: i + 1 }));
  await Deno.writeTextFile(
    path,
    [...good, "{", JSON.stringify({ question: "6 + 1?", answer: null })].join("\n"),
  );
  await assert.rejects(
    loadDataset(path),
    /2 of 7 records hold no problem.*line 6: it is not JSON: \{.*line 7: no field is known to hold the answer/s,
  );
  const data = await loadDataset({ train: [{ source: "file", path, badLines: "leave out" }], split: 0.2 });
  assert.equal(data.train.length + data.test.length, 5);
  assert.match(Deno.inspect(data), /2 lines left out: .*a\.jsonl, line 6: it is not JSON/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("loadDataset() takes near duplicates of the test set out of train and shows one", async () => {
  const long =
    "Natalia sold clips to 48 of her friends in April and sold half as many in May, so how many in all?";
  const folder = await Deno.makeTempDir();
  const write = async (name: string, questions: string[]) => {
    await Deno.writeTextFile(
      join(folder, name),
      JSON.stringify(questions.map((question) => ({ question, answer: 72 }))),
    );
    return { source: "file" as const, path: join(folder, name) };
  };
  const data = await loadDataset({
    train: [await write("train.json", [long.replace("Natalia", "Maria"), "What is 70 + 2?"])],
    test: [await write("test.json", [long])],
  });
  assert.deepEqual(data.train.map(({ question }) => question), ["What is 70 + 2?"]);
  assert.match(Deno.inspect(data), /1 more left out, nearly the same as a test problem: “Maria sold/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("registerSource() makes a source known to loadDataset", async () => {
  registerSource(
    "sums",
    ({ count }, { seed }) =>
      Array.from(
        { length: count as number },
        (_, i) => ({ question: `What is ${seed} + ${i}?`, answer: seed + i }),
      ),
  );
  const { train, test } = await loadDataset({ train: [{ source: "sums", count: 10 }], split: 0.2 });
  assert.deepEqual([train.length, test.length], [8, 2]);
  assert.throws(() => registerSource("gsm8k", () => []), /none of generator, problems/);
  await assert.rejects(
    loadDataset({ train: [{ source: "summs", count: 10 }] } as never),
    /must be one of generator, problems/,
  );
});

Deno.test("readSvamp() reads every spelling of a number and refuses what is none", async () => {
  const folder = await Deno.makeTempDir(), path = join(folder, "s.json");
  const write = (answers: unknown[]) =>
    Deno.writeTextFile(
      path,
      JSON.stringify(
        answers.map((Answer, i) => ({ ID: `c${i}`, Body: "It is so", Question: "How many?", Answer })),
      ),
    );
  await write(["1,080", "12 (apples)", 51.0, "0.5", "-3", "1/3", "৪২"]);
  assert.deepEqual((await readSvamp(path)).map(({ answer }) => answer), [
    "1080",
    "12",
    "51",
    "0.5",
    "-3",
    "1/3",
    "42",
  ]);
  await write([4, "a few"]);
  await assert.rejects(
    readSvamp(path),
    /s\.json, problem 2: the field "Answer" must hold a number, got "a few"/,
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("readMath500() reads levels in both spellings", async () => {
  const folder = await Deno.makeTempDir(), path = join(folder, "m.jsonl");
  const levels = ["Level 1", 2, "Level 3", "4", "Level 5"];
  await Deno.writeTextFile(
    path,
    levels.map((level, i) => JSON.stringify({ problem: `p${i}`, answer: "1", level })).join("\n"),
  );
  const found = (await readMath500(path)).map(({ difficulty }) => difficulty);
  assert.deepEqual(found, ["easy", "easy", "medium", "hard", "hard"]);
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
