import assert from "node:assert/strict";
import { distractorKinds } from "../../lib/data/distractor_sentences.ts";
import { addDistractors } from "../../lib/data/distractors.ts";
import { generateProblems } from "../../lib/data/generator.ts";
import type { Problem } from "../../lib/data/problem.ts";

const asked = (question: string, answer: string): Problem => ({
  id: "own/0",
  question,
  answer,
  difficulty: "easy",
  domain: "maths",
});
const numbers = (text: string): string[] =>
  text.replace(/[০-৯]/g, (digit) => String(digit.codePointAt(0)! - 0x9e6)).match(/\d+/g) ?? [];

/** The sentence that stands before the last one of a question, and did not before. */
function added(problem: Problem, options = {}): string {
  const [{ question }] = addDistractors([problem], options), before = problem.question;
  const from = Math.max(before.lastIndexOf(". "), before.lastIndexOf("। ")) + 2;
  assert.equal(question.slice(0, from), before.slice(0, from));
  return question.slice(from, from + question.length - before.length).trim();
}

Deno.test("addDistractors() adds one sentence with a number that is nowhere in the problem, and leaves the answer", () => {
  const problems = generateProblems({ count: 60, seed: 2 });
  for (const kind of distractorKinds) {
    addDistractors(problems, { seed: 1, kinds: [kind] }).forEach(({ id, question, answer }, i) => {
      const before = problems[i];
      assert.equal(answer, before.answer);
      assert.equal(id, `${before.id}+distractor`);
      const more = numbers(question).filter((number) =>
        !numbers(`${before.question} ${answer}`).includes(number)
      );
      assert.equal(more.length, 1, question);
      assert.ok(question.endsWith(before.question.split(/(?<=\.) /).at(-1)!), question);
    });
  }
});

Deno.test("addDistractors() takes up the problem's person and thing, in its language and digits", () => {
  const english = asked("Natalia sold 48 clips in April. How many clips are 2 more?", "50");
  const sentences = new Set<string>();
  for (let seed = 0; seed < 60; seed++) sentences.add(added(english, { seed }).replace(/\d+/, "N"));
  assert.ok(sentences.size > 12, `${sentences.size} kinds`);
  assert.ok([...sentences].some((sentence) => sentence.includes("Natalia")));
  assert.ok([...sentences].some((sentence) => sentence.includes("clips")));
  const bangla = asked("মিনার ১৬টি ডিম আছে। সে ৪টি খায়। কয়টি থাকে?", "12");
  for (let seed = 0; seed < 60; seed++) {
    const sentence = added(bangla, { seed });
    assert.match(sentence, /^[\p{Script=Bengali}\p{M}\s,।০-৯]+।$/u);
    assert.match(sentence, /[০-৯]/);
  }
});

Deno.test("addDistractors() gives nobody else a thing of which all are counted", () => {
  const total = asked("Ann has 5 apples and Bob has 3 apples. How many apples are there altogether?", "8");
  for (let seed = 0; seed < 60; seed++) assert.doesNotMatch(added(total, { seed }), /apples/);
});

Deno.test("addDistractors() takes a share, is seeded and refuses unknown kinds", () => {
  const problems = generateProblems({ count: 200, seed: 2 });
  const some = addDistractors(problems, { share: 0.3, seed: 5 });
  const count = some.filter(({ id }) => id.endsWith("+distractor")).length;
  assert.ok(count > 40 && count < 80, `${count}`);
  assert.deepEqual(addDistractors(problems, { share: 0.3, seed: 5 }), some);
  assert.throws(
    () => addDistractors(problems, { kinds: ["weather"] as never }),
    /kinds of surroundings, person.*got weather/,
  );
  assert.throws(() => addDistractors(problems, { share: 2 }), /share from 0 to 1, got 2/);
});
