import assert from "node:assert/strict";
import { loadConfig } from "../../lib/config/load_config.ts";
import { generateProblems } from "../../lib/data/generator.ts";
import type { Problem } from "../../lib/data/problem.ts";
import { answersMatch } from "../../lib/answers/answers_match.ts";
import type { ResponseFormat } from "../../lib/formats/response_format.ts";
import { responseFormatOf } from "../../lib/formats/response_format_of.ts";
import type { CompositeOptions } from "../../lib/rewards/composite.ts";
import { huntLoopholes } from "../../lib/lab/hunt_loopholes.ts";
import { loopholes } from "../../lib/lab/loopholes.ts";
import { traceStructure } from "../../lib/rewards/trace_structure.ts";
import { parseCompletion } from "../../lib/text/completion.ts";
import { mediaBundle } from "../display/media_bundle.ts";
import { sampleOf } from "../rewards/reward_sample.ts";

const problem: Problem = {
  id: "p",
  question: "Nina has 12 apples. She buys 5 more and gives 4 away. How many are left?",
  answer: "13",
  reasoning: "First, 12 + 5 = 17. Then, 17 - 4 = 13. So the answer is 13.",
  difficulty: "medium",
  domain: "maths",
};
const generated = generateProblems({ count: 30, seed: 11 });

Deno.test("loopholes() has an honest completion with a slip in its last calculation", () => {
  const { honest } = loopholes(problem);
  assert.equal(honest.right, `<reasoning>${problem.reasoning}</reasoning><answer>13</answer>`);
  assert.equal(
    honest.wrong,
    "<reasoning>First, 12 + 5 = 17. Then, 17 - 4 = 14. So the answer is 14.</reasoning><answer>14</answer>",
  );
  // 1 stands in "10" and among the operands too, where it must stay
  const one = {
    ...problem,
    answer: "1",
    reasoning: "First, 10 - 1 = 9. Then, 10 - 9 = 1. So the answer is 1.",
  };
  assert.match(loopholes(one).honest.wrong, /First, 10 - 1 = 9\. Then, 10 - 9 = 2\. So the answer is 2\./);
  assert.throws(() => loopholes({ ...problem, reasoning: undefined }), /no reasoning for "Nina has/);
});

Deno.test("loopholes() says truly which completions hold the right answer", () => {
  for (const one of [problem, ...generated, { ...problem, answer: "Paris", reasoning: "So it is Paris." }]) {
    const { honest, loopholes: list } = loopholes(one);
    const right = (text: string) => answersMatch(parseCompletion(text).answer ?? "", one.answer);
    assert.deepEqual([right(honest.right), right(honest.wrong)], [true, false]);
    for (const { name, completion, knows } of list) assert.equal(right(completion), knows, name);
    assert.equal(new Set(list.map(({ name }) => name)).size, list.length);
  }
});

const demo = await loadConfig(new URL("../../data/configs/demo.yaml", import.meta.url));
const rewards: Record<string, CompositeOptions> = {
  r1: { preset: "r1" },
  r3: { preset: "r3" },
  r4: { preset: "r4" },
  r5: { preset: "r5" },
  demo: demo.reward,
};

Deno.test("no degenerate completion earns more than an honest one under a preset, in a problem's own phase", async () => {
  for (const one of generated) {
    for (const step of [0, 100, 200]) {
      const { open, honest } = await huntLoopholes(rewards, one, { step, steps: 200 });
      assert.deepEqual(open, [], one.question);
      for (const preset of Object.keys(rewards)) {
        assert.ok(honest.right.earns[preset] > honest.wrong.earns[preset], preset);
      }
    }
  }
});

Deno.test("no degenerate graph earns more than an honest one under R2's preset", async () => {
  for (const one of generated) {
    const { open, honest } = await huntLoopholes({ r2: { preset: "r2" } }, one, { format: "graph" });
    assert.deepEqual(open, [], one.question);
    assert.deepEqual([honest.right.earns.r2, honest.wrong.earns.r2], [1, 0.5]);
  }
});

Deno.test("the presets that R3's formula does not bind are closed in every phase", async () => {
  const { r1, r4, r5 } = rewards;
  for (const one of generated) {
    for (const phase of ["easy", "medium", "hard"]) {
      const { open } = await huntLoopholes({ r1, r4, r5 }, one, { phase });
      assert.deepEqual(open, [], `${one.question} ${phase}`);
    }
  }
});

Deno.test("with traceStructure's guard, padding earns less than honest work in every phase", async () => {
  const reward: CompositeOptions = { preset: "r3", components: { trace: { weight: 0.45, guard: true } } };
  for (const one of generated) {
    for (const phase of ["easy", "medium", "hard"]) {
      const { open, honest, loopholes } = await huntLoopholes({ reward }, one, { phase });
      assert.deepEqual(open, [], `${one.question} ${phase}`);
      const padded = loopholes.filter(({ name }) =>
        /^(connectives|padded|a repeated|invented|a wall)/.test(name)
      );
      assert.equal(padded.length, 9);
      for (const { name, earns } of padded) {
        assert.ok(earns.reward < honest.wrong.earns.reward - 0.05, `${name}: ${earns.reward}`);
      }
    }
  }
});

Deno.test("R3's own formula pays stuffing for a problem with fewer steps than its phase asks for: what the guard is for", async () => {
  const easy: Problem = {
    ...problem,
    question: "Ravi has 9 pens and finds 32 more. How many pens has he now?",
    answer: "41",
    reasoning: "First, 9 + 32 = 41. So the answer is 41.",
    difficulty: "easy",
  };
  const { open } = await huntLoopholes({ r3: { preset: "r3" } }, easy, { phase: "hard" });
  const stuffed = open.find(({ name }) => name === "connectives as steps");
  // .45 · (1 − (.4 + .35·2/4 + .25·2/3)); confidence is the same for both
  assert.ok(Math.abs(stuffed!.excess - 0.45 * (1 - (0.4 + 0.175 + 0.5 / 3))) < 1e-9, `${stuffed?.excess}`);
});

Deno.test("huntLoopholes() finds the loophole of a reward that pays for length, and shows it", async () => {
  const long: CompositeOptions = {
    components: { length: { weight: 1, reward: ({ completion }) => Math.min(1, completion.length / 5000) } },
  };
  const hunt = await huntLoopholes({ "<b>long</b>": long }, problem);
  assert.ok(hunt.open.some(({ name, excess }) => name === "padded to great length" && excess > 0.5));
  const some = await huntLoopholes({ r5: { preset: "r5" } }, problem, { only: /^padded/g });
  assert.deepEqual(some.loopholes.map(({ name }) => name), ["padded reasoning", "padded to great length"]);
  const bundle = await mediaBundle(hunt);
  assert.match(bundle["text/plain"], /padded to great length +1\.000 ▲/);
  assert.match(bundle["text/html"], /&lt;b&gt;long&lt;\/b&gt;/);
  assert.doesNotMatch(bundle["text/html"], /<b>/);
  assert.equal(JSON.parse(JSON.stringify(hunt)).open.length, hunt.open.length);
});

Deno.test("traceStructure({ guard }) counts each working piece once and nothing else", () => {
  const score = (reasoning: string) =>
    traceStructure({ guard: true })(
      sampleOf(`<reasoning>${reasoning}</reasoning><answer>14</answer>`, { problem }),
    );
  const tags = 0.4, piece = 0.35 / 3, word = 0.125;
  const cases: [string, number][] = [
    ["First, 12 + 5 = 17. Then, 17 - 4 = 14. So the answer is 14.", tags + 3 * piece + 2 * word],
    ["So let me think about that. First, 12 + 5 = 17. So 17 - 4 = 14 are left.", tags + 2 * piece + 2 * word],
    ["12 + 5 = 17 apples. 12 + 5 = 17 apples. So 12 + 5 = 17 apples.", tags + piece],
    ["Step 1: 12 + 5 = 17. Step 2: 12 + 5 = 17.", tags + piece + word], // "Step" is a connective
    ["12 + 0 = 12 apples. 5 × 1 = 5 apples.", tags],
    ["101 + 7 = 108. 33 + 33 = 66 apples.", tags],
    ["5 + 5 = 10 apples she has", tags],
    ["So: Nina has 12 apples. Therefore she buys 5 more and gives 4 away.", tags],
    ["So therefore because.\nThis is worth some thought.\nGlorp tinzle wumber.", tags],
    ["The apples left are for Nina", tags + piece],
    ["So the answer is 14. So the answer is 14.", tags],
  ];
  for (const [reasoning, expected] of cases) {
    assert.ok(
      Math.abs((score(reasoning) as number) - expected) < 1e-9,
      `${reasoning} ${score(reasoning)}, not ${expected}`,
    );
  }
  assert.equal(traceStructure({ guard: true })(sampleOf("<reasoning> </reasoning><answer></answer>")), 0);
});

const lastLine: ResponseFormat = {
  name: "last line",
  instructions: null,
  write: ({ answer, reasoning }) => `${reasoning}\n${answer}`,
  read(text) {
    const end = text.trimEnd().length, start = text.trimEnd().lastIndexOf("\n") + 1;
    const answer = text.slice(start, end);
    const spans = [{ part: "answer" as const, open: start, start, end, close: end }];
    return { reasoning: text.slice(0, start), answer, wellFormed: answer !== "", spans };
  },
  check: (answer, { answer: right }) => answersMatch(answer, right),
};

Deno.test("loopholes() and huntLoopholes() write the run's format, and nothing in another's tags", async () => {
  const think = { kind: "tags", reasoning: "think", answer: "out" } as const;
  assert.equal(
    loopholes(problem, { format: think }).honest.right,
    `<think>${problem.reasoning}</think><out>13</out>`,
  );
  assert.match(loopholes(problem, { format: "boxed" }).honest.right, /\\boxed\{13\}\$\.$/);
  for (const option of [think, "boxed", "last-number", lastLine] as const) {
    const format = responseFormatOf(option), { honest, loopholes: list } = loopholes(problem, { format });
    const right = (text: string) => answersMatch(format.read(text).answer ?? "", problem.answer);
    assert.deepEqual([right(honest.right), right(honest.wrong)], [true, false], format.name);
    assert.ok(format.read(honest.right).wellFormed && format.read(honest.wrong).wellFormed, format.name);
    assert.ok(list.length > 25, `${format.name}: ${list.length}`);
    assert.equal(new Set(list.map(({ completion }) => completion)).size, list.length);
    for (const { name, completion, knows } of list) {
      assert.equal(right(completion), knows, `${format.name}: ${name}`);
      assert.doesNotMatch(completion, /<\/?(reasoning|answer)>/, name);
    }
    const { honest: earned } = await huntLoopholes({ r1: { preset: "r1" } }, problem, { format });
    assert.ok(earned.right.earns.r1 > earned.wrong.earns.r1, format.name);
  }
});
