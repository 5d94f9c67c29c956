import assert from "node:assert/strict";
import { mappedReader } from "../../lib/data/mapped_problem.ts";

const read = (value: Record<string, unknown>, fields = {}) =>
  mappedReader(fields, { name: "own", domain: "maths" })({ value, where: "own.jsonl, line 1" }, 0);

Deno.test("mappedReader() knows the usual names of fields, whatever their case", () => {
  const rows = [
    { question: "2 + 3?", answer: 5 },
    { Problem: "2 + 3?", final_answer: "5", Solution: "2 + 3 = 5." },
    { prompt: "2 + 3?", target: 5n },
    { instruction: "2 + 3?", output: "5", category: "sums" },
    { question: "2 + 3?", answer: "2 + 3 = <<2+3=5>>5.\n#### 5" },
  ];
  for (const row of rows) {
    const { question, answer } = read(row);
    assert.deepEqual({ question, answer }, { question: "2 + 3?", answer: "5" });
  }
  assert.equal(read(rows[1]).reasoning, "2 + 3 = 5.");
  assert.equal(read(rows[3]).domain, "sums");
  assert.equal(read(rows[4]).reasoning, "2 + 3 = 5.");
});

Deno.test("mappedReader() takes an optional field that is null, empty or absent as absent", () => {
  for (const empty of [null, "", "  ", undefined]) {
    const fields = { question: "q", answer: "a", reasoning: "r", difficulty: "d", domain: "t", id: "i" };
    const problem = read({ q: "Q?", a: "7", r: empty, d: empty, t: empty, i: empty }, fields);
    assert.deepEqual(problem, {
      id: "own/0",
      question: "Q?",
      answer: "7",
      difficulty: "easy",
      domain: "maths",
    });
  }
});

Deno.test("mappedReader() reads difficulties by name and by MATH's levels", () => {
  const levels = {
    "Level 1": "easy",
    "Level 2": "easy",
    "3": "medium",
    "Level 4": "hard",
    "level 5": "hard",
    HARD: "hard",
  };
  for (const [level, difficulty] of Object.entries(levels)) {
    assert.equal(read({ question: "Q?", answer: "7", level }).difficulty, difficulty, level);
  }
  // what a guessed field says in other words is no reason to refuse a file; what a named one says is
  assert.equal(read({ question: "Q?", answer: "7", level: "Level ?" }).difficulty, "easy");
  assert.throws(
    () => read({ question: "Q?", answer: "7", level: "enormous" }, { difficulty: "level" }),
    /line 1: the difficulty must be easy, medium, hard or a level from 1 to 5, got enormous/,
  );
});

Deno.test("mappedReader() keeps a completion word for word, and refuses tags in an answer", () => {
  const text = "<reasoning>2 + 3 = 5</reasoning><answer>5</answer>";
  const { completion, answer } = read({ prompt: "2 + 3?", completion: text });
  assert.deepEqual([completion, answer], [text, ""]);
  for (const part of [{ answer: text }, { answer: "5", reasoning: "<think>2 + 3 = 5</think>" }]) {
    assert.throws(() => read({ question: "2 + 3?", ...part }), /which would be taught twice.*completion/s);
  }
});

Deno.test("mappedReader() reads chats of three spellings", () => {
  const chat = [{ role: "user", content: "2 + 3?" }, { role: "assistant", content: "5" }];
  const spellings = [
    { messages: chat },
    { conversations: [{ from: "human", value: "2 + 3?" }, { from: "gpt", value: "5" }] },
    { prompt: chat.slice(0, 1), completion: chat.slice(1) },
    { messages: chat.map(({ role, content }) => ({ role, content: [{ type: "text", text: content }] })) },
  ];
  for (const row of spellings) assert.deepEqual(read(row).messages, chat);
  assert.throws(() => read({ messages: chat.slice(0, 1) }), /an assistant's at its end/);
  assert.throws(() => read({ messages: [{ role: "tool", content: "x" }] }), /system, user and assistant/);
});

Deno.test("mappedReader() names the fields there are when none is known, and the mapping to write", () => {
  assert.throws(
    () => read({ frage: "2 + 3?", antwort: "5" }),
    /hold the question among "frage", "antwort"; say which: fields: { question: "…", answer: "…" }/,
  );
});

Deno.test("mappedReader() composes characters (NFC)", () => {
  assert.equal(read({ question: "cafe\u0301?", answer: "e\u0301" }).question, "caf\u00e9?");
});
