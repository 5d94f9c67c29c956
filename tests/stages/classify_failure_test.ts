import assert from "node:assert/strict";
import { graph } from "../../lib/formats/graph.ts";
import { classifyFailure, type Failure, type FailureItem } from "../../lib/stages/classify_failure.ts";
import { parseCompletion } from "../../lib/text/completion.ts";

const item = (reasoning: string, answer: string, changes: Partial<FailureItem> = {}): FailureItem => {
  const completion = `<reasoning>${reasoning}</reasoning><answer>${answer}</answer>`;
  const parsed = parseCompletion(completion);
  return {
    question:
      "Tom has 12 pens. He gives 4 away and then buys twice as many as he has left. How many pens has he?",
    reference: "24",
    completion,
    answer: parsed.answer,
    correct: false,
    wellFormed: parsed.wellFormed,
    truncated: false,
    tokens: 40,
    difficulty: "medium",
    ...changes,
  };
};

const right = "12 - 4 = 8. Twice as many is 8 * 2 = 16.";
const cases: [string, Failure | null, FailureItem][] = [
  ["a right answer, whatever its reasoning", null, item("12 - 4 = 9.", "24", { correct: true })],
  ["a completion at the token limit, malformed as it is", "truncated", item("", "", { truncated: true })],
  ["a completion without an answer", "malformed", item(right, "")],
  ["text around the tags", "malformed", item(right, "16", { wellFormed: false })],
  ["a false equation", "calculation error", item("12 - 4 = 7. 7 * 2 = 14. 7 + 14 = 21.", "21")],
  ["true equations that are the wrong ones", "wrong operation", item("12 + 4 = 16. 16 * 2 = 32.", "32")],
  ["too few steps for the difficulty", "premature conclusion", item("12 - 4 = 8.", "8")],
  ["no step at all", "premature conclusion", item("It must be many.", "30")],
  ["a long completion", "verbose", item(right, "16", { tokens: 151 })],
  ["an answer that the reasoning does not lead to", "other", item(right, "99")],
  [
    "minutes for hours",
    "unit confusion",
    item("30 * 4 = 120 minutes. That is all of 120 / 1 = 120.", "120", {
      question: "Four lessons take 30 minutes each. How many hours is that?",
      reference: "2",
    }),
  ],
  [
    "the right number with another unit",
    "unit confusion",
    item("9 * 2 = 18. 18 / 1 = 18.", "18 m", { reference: "18 km" }),
  ],
  [
    "a factor of 60 where no time is named",
    "wrong operation",
    item("12 * 120 = 1440. 1440 * 1 = 1440.", "1440"),
  ],
  [
    "a text problem with hardly any reasoning",
    "premature conclusion",
    item("I know.", "Lyon", { reference: "Paris" }),
  ],
  [
    "a text problem with reasoning",
    "other",
    item("The capital of France is a large city on a river.", "Lyon", { reference: "Paris" }),
  ],
];

for (const [title, expected, given] of cases) {
  Deno.test(`classifyFailure() calls ${title} ${expected === null ? "no failure" : `"${expected}"`}`, () => {
    assert.equal(classifyFailure(given), expected);
  });
}

Deno.test("classifyFailure() draws the verbose line where it is told to", () => {
  const long = item("12 + 4 = 16. 16 * 2 = 32.", "32", { tokens: 100 });
  assert.equal(classifyFailure(long), "wrong operation");
  assert.equal(classifyFailure(long, { verboseTokens: 99 }), "verbose");
});

Deno.test("classifyFailure() of a graph that executes to another value is a wrong operation, of one that does not execute malformed", () => {
  const failure = (nodes: unknown[]) => {
    const completion = JSON.stringify({ nodes }),
      format = graph(),
      { answer, wellFormed } = format.read(completion);
    return classifyFailure({
      question: "What is 5 + 3?",
      reference: "8",
      completion,
      answer,
      wellFormed,
      correct: false,
      truncated: false,
      tokens: 300,
      difficulty: "easy",
    }, { format });
  };
  const [a, b] = [{ id: "a", op: "const", val: 5 }, { id: "b", op: "const", val: 3 }];
  assert.equal(failure([a, b, { id: "final_result", op: "mul", args: ["a", "b"] }]), "wrong operation");
  const zero = { id: "z", op: "sub", args: ["a", "a"] };
  assert.equal(failure([a, zero, { id: "final_result", op: "div", args: ["a", "z"] }]), "malformed");
  assert.equal(failure([{ id: "final_result", op: "magic" }]), "malformed");
});
