import assert from "node:assert/strict";
import { Tokenizer } from "@huggingface/tokenizers";
import { trainTokenizer } from "../../lib/data/bpe_trainer.ts";
import { generateProblems } from "../../lib/data/generator.ts";
import { heldOutProblems } from "../../lib/data/held_out.ts";
import { normaliseQuestion } from "../../lib/data/normalise_question.ts";
import { pretrainingDocument } from "../../lib/data/pretraining_text.ts";
import { Random } from "../../lib/random/random.ts";

const texts = generateProblems({ count: 300, seed: 5 }).map(({ question, reasoning }) =>
  `${question}\n${reasoning}`
);
const files = trainTokenizer(texts, { vocabularySize: 800, required: ["reasoning", "answer"] });
// deno-lint-ignore no-explicit-any
const tokenizer = new Tokenizer(files.tokenizer as any, files.tokenizerConfig as any);

Deno.test("trainTokenizer() round-trips generated texts, tags and unicode", () => {
  const others = [
    "<reasoning>12 + 7 = 19.</reasoning><answer>19</answer>",
    "naïve café — 日本語 🍎",
    "কত টাকা?",
    "two  spaces\n\nand lines",
  ];
  for (const text of [...generateProblems({ count: 996, seed: 6 }).map((p) => p.question), ...others]) {
    assert.equal(tokenizer.decode(tokenizer.encode(text).ids, { skip_special_tokens: true }), text);
  }
});

Deno.test("trainTokenizer() keeps digits apart and makes tags of few tokens", () => {
  const tokens = (text: string) => tokenizer.encode(text, { add_special_tokens: false }).tokens;
  assert.deepEqual(tokens("1234"), ["1", "2", "3", "4"]);
  assert.deepEqual(tokens("</answer>"), ["<", "/", "answer", ">"]);
  assert.deepEqual(tokens("<reasoning>"), ["<", "reasoning", ">"]);
  assert.equal(tokenizer.encode("12").ids[0], 2);
});

Deno.test("trainTokenizer() refuses a vocabulary smaller than its alphabet", () => {
  assert.throws(
    () => trainTokenizer(["a"], { vocabularySize: 100 }),
    /the alphabet alone has \d+ tokens, vocabularySize is 100/,
  );
});

Deno.test("pretrainingDocument() never shows a tag or an excluded question", () => {
  const exclude = new Set(heldOutProblems().map(({ question }) => normaliseQuestion(question))),
    random = new Random(9);
  for (let i = 0; i < 3000; i++) {
    const { prompt, completion } = pretrainingDocument(random, { exclude });
    assert.doesNotMatch(prompt + completion, /<\/?(reasoning|answer)>/);
    assert.ok(!exclude.has(normaliseQuestion(prompt)), prompt);
  }
});
