import assert from "node:assert/strict";
import { join } from "node:path";
import type { Problem } from "../../lib/data/problem.ts";
import { demonstrations } from "../../lib/stages/demonstrations.ts";
import { sftSchema } from "../../lib/stages/sft_schema.ts";
import { loadTokenizer } from "../../lib/text/tokenizer.ts";

const tokenizer = await loadTokenizer(join(import.meta.dirname!, "../../data/models/tiny-gemma"));
const problem: Problem = {
  id: "sum",
  question: "What is 5 + 3?",
  answer: "8",
  reasoning: "5 + 3 = 8.",
  difficulty: "easy",
  domain: "maths",
};
const learned = (problems: unknown[], options = {}) => {
  const { examples, note } = demonstrations(tokenizer, problems as Problem[], sftSchema.parse(options));
  return {
    note,
    texts: examples.map((example) => example.map(({ completion }) => tokenizer.decode(completion))),
  };
};

Deno.test("demonstrations() writes in the run's format and ends the turn", () => {
  const end = "<end_of_turn>";
  assert.deepEqual(learned([problem]).texts, [[`<reasoning>5 + 3 = 8.</reasoning><answer>8</answer>${end}`]]);
  assert.deepEqual(learned([problem], { format: "boxed" }).texts, [[
    `5 + 3 = 8. The answer is $\\boxed{8}$.${end}`,
  ]]);
});

Deno.test("demonstrations() takes a completion word for word, numbers as answers, and only the assistant's turns of a chat", () => {
  const chat = [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello." },
    { role: "user", content: "2 + 3?" },
    { role: "assistant", content: "5" },
  ];
  const { texts } = learned([
    { ...problem, completion: "Eight, of course." },
    { question: "2 + 2?", answer: 4 },
    { ...problem, messages: chat },
  ], { demonstrations: { full: 0, terse: 1 } });
  assert.deepEqual(texts, [
    ["Eight, of course.<end_of_turn>"],
    ["<reasoning>It is 4.</reasoning><answer>4</answer><end_of_turn>"],
    ["Hello.<end_of_turn>\n", "5<end_of_turn>\n"],
  ]);
});

Deno.test("demonstrations() counts and names what it leaves out", () => {
  const long = { ...problem, id: "long", completion: "very ".repeat(300) };
  const { texts, note } = learned([problem, long, { ...problem, id: "open", answer: "" }]);
  assert.equal(texts.length, 1);
  assert.equal(note, "1 too long, 1 without a demonstration in the format, left out");
  assert.throws(
    () => learned([long]),
    /at least one demonstration within maxLength 256 tokens, got 1 problems \(1 too long\)/,
  );
});
