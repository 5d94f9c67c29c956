import assert from "node:assert/strict";
import { generateProblems } from "../../lib/data/generator.ts";
import type { Problem } from "../../lib/data/problem.ts";
import { boxed } from "../../lib/formats/boxed.ts";
import { formatSchema } from "../../lib/formats/format_schema.ts";
import { graph } from "../../lib/formats/graph.ts";
import { lastNumber } from "../../lib/formats/last_number.ts";
import { readAnywhere } from "../../lib/formats/read_anywhere.ts";
import type { ResponseFormat } from "../../lib/formats/response_format.ts";
import { responseFormatOf } from "../../lib/formats/response_format_of.ts";
import { tags } from "../../lib/formats/tags.ts";
import { tokensInside } from "../../lib/formats/tokens_inside.ts";
import { Random } from "../../lib/random/random.ts";

const problems = generateProblems({ count: 100, seed: 5 });
const styles = ["full", "terse", "answerOnly"] as const;
const formats: [string, ResponseFormat][] = [
  ["tags", tags()],
  ["tags of other names", tags({ reasoning: "think", answer: "final-answer" })],
  ["boxed", boxed()],
  ["graph", graph()],
  ["last-number", lastNumber()],
];

for (const [name, format] of formats) {
  Deno.test(`${name}: what a format writes it reads back, well formed, and finds right`, async () => {
    const random = new Random(3);
    for (const problem of problems) {
      for (const style of styles) {
        const text = format.write(problem, { style, random })!,
          { answer, wellFormed, spans } = format.read(text);
        assert.ok(wellFormed, text);
        assert.equal(await format.check(answer!, problem), true, text);
        assert.equal(
          await format.check(answer!, { ...problem, answer: `${Number(problem.answer) + 1}` }),
          false,
        );
        assert.equal(await format.check(answer!, { ...problem, answer: "" }), null);
        const span = spans.find(({ part }) => part === "answer")!;
        assert.equal(text.slice(span.start, span.end), answer);
      }
    }
  });
}

Deno.test("a demonstration in tags shows as much work as its style says", () => {
  const random = new Random(3);
  for (const problem of problems) {
    const shown = (style: (typeof styles)[number]) =>
      tags().read(tags().write(problem, { style, random })!).reasoning!;
    assert.equal(shown("full"), problem.reasoning);
    assert.equal(shown("terse"), `It is ${problem.answer}.`);
    assert.doesNotMatch(shown("answerOnly"), /\d/);
  }
});

Deno.test("tags() reads the first closed pairs of its own names, and says what is not well formed", () => {
  const format = tags({ reasoning: "think" });
  const cases: [text: string, answer: string | null, wellFormed: boolean][] = [
    ["<think>5 + 3 = 8</think>\n<answer>8</answer>", "8", true],
    ["<reasoning>5 + 3 = 8</reasoning><answer>8</answer>", "8", false],
    ["<think>a</think><answer>8</answer><answer>9</answer>", "8", false],
    ["<answer>8</answer><think>a</think>", "8", false],
    ["<think>a</think> so <answer>8</answer>", "8", false],
    ["<think>a</think><answer></answer>", "", false],
    ["<think>a</think><answer>8", null, false],
  ];
  for (const [text, answer, wellFormed] of cases) {
    const found = format.read(text);
    assert.deepEqual([found.answer, found.wellFormed], [answer, wellFormed], text);
  }
  assert.throws(() => tags({ reasoning: "a b" }), /names of tags/);
  assert.throws(() => tags({ reasoning: "answer" }), /answer twice/);
});

Deno.test("tags() refuses to write an answer that holds its own tags", () => {
  const problem: Problem = { ...problems[0], answer: "<answer>8</answer>" };
  assert.throws(
    () => tags().write(problem, { style: "terse", random: new Random(1) }),
    /holds <answer>, which would be taught twice.*`completion`/,
  );
});

Deno.test("boxed() reads the last box with its braces balanced", () => {
  const cases: [text: string, answer: string | null, wellFormed: boolean][] = [
    ["So it is $\\boxed{\\frac{1}{2}}$.", "\\frac{1}{2}", true],
    ["First \\boxed{7}, no: \\boxed{8}", "8", false],
    ["It is \\boxed{8", null, false],
    ["It is \\boxed {8}", "8", true],
    ["A set: \\boxed{\\{1, 2\\}}", "\\{1, 2\\}", true],
    ["\\boxed{8}", "8", false],
    ["It is \\boxed{8}. And so on", "8", false],
  ];
  for (const [text, answer, wellFormed] of cases) {
    const found = boxed().read(text);
    assert.deepEqual([found.answer, found.wellFormed], [answer, wellFormed], text);
  }
  // MATH's own solutions hold their box already
  const solution = "We have $2 + 2 = \\boxed{4}$.";
  assert.equal(
    boxed().write({ ...problems[0], answer: "4", reasoning: solution }, {
      style: "full",
      random: new Random(1),
    }),
    solution,
  );
});

Deno.test("lastNumber() reads the last number of a text, whatever its script", () => {
  const cases: [string, string | null][] = [
    ["5 + 3 is 8. So 8 apples.", "8"],
    ["It costs $1,080.50.", "$1,080.50"],
    ["from 10 to -3", "-3"],
    ["10-3", "3"],
    ["তার ১৮টি ডিম আছে।", "১৮"],
    ["3/4 of them, that is 75%", "75%"],
    ["none", null],
  ];
  for (const [text, answer] of cases) assert.equal(lastNumber().read(text).answer, answer, text);
});

Deno.test("graph() executes, whatever the number of its problems says, and votes by value", async () => {
  const eight = '{"nodes": [{"id": "final_result", "op": "const", "val": 8}]}';
  const alsoEight =
    '{"nodes": [{"id": "a", "op": "const", "val": 5}, {"id": "b", "op": "const", "val": 3}, {"id": "final_result", "op": "add", "args": ["a", "b"]}]}';
  const format = graph(), problem = { ...problems[0], answer: "8" };
  for (const text of [eight, alsoEight, `<answer>${eight}</answer>`, "```json\n" + eight + "\n```"]) {
    const { answer, wellFormed } = format.read(text);
    assert.ok(wellFormed, text);
    assert.equal(await format.check(answer!, problem), true, text);
    assert.equal(format.value!(answer!), "8");
  }
  assert.equal(format.read('{"nodes": [{"id": "x", "op": "magic"}]}').wellFormed, false);
  assert.equal(format.read(`So: ${eight}`).reasoning, "So:");
  assert.equal(format.read("8").answer, null);
  // a problem that knows no graph gives no demonstration
  assert.equal(
    format.write({ ...problem, graph: undefined }, { style: "full", random: new Random(1) }),
    null,
  );
});

Deno.test("readAnywhere() finds what a base model says in a format of its own", () => {
  const cases: [string, string | null][] = [
    ["<answer>8</answer> or 9", "8"],
    ["so \\boxed{8}, not 9", "8"],
    ["The answer is Paris. It has 2 million people", "Paris"],
    ["5 + 3 = 8", "8"],
    ["Let me think.\nParis", "Paris"],
    ["", null],
  ];
  for (const [text, answer] of cases) assert.equal(readAnywhere(text, tags()), answer, text);
});

Deno.test("formatSchema names a format, its options, or an object of one's own", async () => {
  assert.equal(responseFormatOf(formatSchema.parse("boxed")).name, "boxed");
  assert.equal(
    responseFormatOf(formatSchema.parse({ kind: "tags", reasoning: "think" })).read(
      "<think>a</think><answer>8</answer>",
    ).answer,
    "8",
  );
  assert.equal(
    responseFormatOf(formatSchema.parse({ kind: "boxed", instructions: null })).instructions,
    null,
  );
  assert.ok(!formatSchema.safeParse("bxed").success);
  assert.ok(!formatSchema.safeParse({ name: "mine" }).success);
  const own = {
    name: "whole",
    read: (text: string) => ({ reasoning: null, answer: text, wellFormed: true, spans: [] }),
  };
  const format = responseFormatOf(formatSchema.parse(own));
  assert.equal(await format.check("8.0", { ...problems[0], answer: "8" }), true);
  assert.equal(format.write(problems[0], { style: "full", random: new Random(1) }), null);
});

Deno.test("tokensInside() counts tokens that lie in a span in part", () => {
  assert.deepEqual(tokensInside(["<answer>", "1", "8</", "answer>"], { start: 8, end: 10 }), [1, 2]);
  assert.deepEqual(tokensInside(["8"], null), []);
});
