import assert from "node:assert/strict";
import { repetition } from "../../lib/rewards/repetition.ts";
import { pointedAt, sampleOf } from "./reward_sample.ts";

const score = (text: string) => repetition()(sampleOf(text));

Deno.test("repetition() is the share of runs of three words that were there before", () => {
  // we add them | add them we | them we add | we add them: the last of four is old
  assert.equal(score("We add them, we add THEM."), 1 / 4);
  assert.equal(score("one two three four five"), 0);
  assert.equal(score("one two"), 0);
  assert.equal(score(""), 0);
  // five times the same word: three runs, one of them distinct
  assert.equal(score("so so so so so"), 2 / 3);
  // numbers are words with their decimals: 5 3 8 | 3 8 5 | 8 5 3 | 5 3 8
  assert.equal(score("5 + 3 = 8. 5 + 3 = 8"), 1 / 4);
  assert.equal(score("5.1 + 3 = 8.1, 5 + 3 = 8"), 0);
});

Deno.test("repetition() sees tags pasted without a space, and leaves honest work almost alone", () => {
  // 60 words, 58 runs, 3 of them distinct
  assert.equal(score("<answer>8</answer>".repeat(20)), 55 / 58);
  assert.equal(
    score(
      "<reasoning>First, 12 + 7 = 19. Then, 19 - 4 = 15. So the answer is 15.</reasoning><answer>15</answer>",
    ),
    0,
  );
});

Deno.test("repetition() points at each stretch that was said before", () => {
  const text = "First add them up. Then add them up. Done.";
  assert.deepEqual(pointedAt(repetition(), sampleOf(text)), [["add them up", "said before"]]);
  assert.deepEqual(pointedAt(repetition(), sampleOf("one two three")), []);
});

Deno.test("repetition() reads Bangla words with their vowel signs whole", () => {
  assert.equal(score("মিনার কাছে কলম মিনার কাছে কলম"), 1 / 4);
});
