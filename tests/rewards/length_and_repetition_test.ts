/** Components that other libraries define: held to the numbers of trl 1.16.0 and of open-r1's source. */
import assert from "node:assert/strict";
import { compositeReward } from "../../lib/rewards/composite.ts";
import { cosineLength } from "../../lib/rewards/cosine_length.ts";
import { overlong } from "../../lib/rewards/overlong.ts";
import { repeatedNgrams } from "../../lib/rewards/repeated_ngrams.ts";
import { sampleOf } from "./reward_sample.ts";

const tokens = (count: number) => new Array<string>(count).fill("a");
const close = (found: unknown, expected: number) =>
  assert.ok(Math.abs(found as number - expected) < 1e-12, `${found}, expected ${expected}`);

Deno.test("overlong() is TRL's soft overlong punishment", async () => {
  // get_soft_overlong_punishment(100, 20)
  const cases = { 0: 0, 80: 0, 81: -0.05, 90: -0.5, 100: -1, 101: -1 };
  for (const [count, expected] of Object.entries(cases)) {
    close(
      await overlong({ max: 100, buffer: 20 })(sampleOf("x", { tokens: tokens(Number(count)) })),
      expected,
    );
  }
  assert.equal(await overlong()(sampleOf("x")), null);
  assert.throws(() => overlong({ max: 10, buffer: 11 }), /buffer = 11 must not be above `max`/);
});

Deno.test("cosineLength() is the formula of TRL's cosine-scaled reward, right and wrong, and level past its end", async () => {
  const at = (answer: string, count: number) =>
    cosineLength({ max: 100 })(sampleOf(`<answer>${answer}</answer>`, { tokens: tokens(count) }));
  // min + (max − min)(1 + cos(π n/100))/2: at 25 tokens (1 + √½)/2 = 0.853553…
  const quarter = (1 + Math.SQRT1_2) / 2;
  const right: [number, number][] = [[0, 1], [25, 0.5 + 0.5 * quarter], [50, 0.75], [100, 0.5], [300, 0.5]];
  const wrong: [number, number][] = [[0, -1], [25, -0.5 - 0.5 * quarter], [50, -0.75], [100, -0.5], [
    300,
    -0.5,
  ]];
  for (const [count, expected] of right) close(await at("8", count), expected);
  for (const [count, expected] of wrong) close(await at("9", count), expected);
  assert.equal(await cosineLength()(sampleOf("<answer>8</answer>")), null);
  assert.equal(await cosineLength()(sampleOf("<answer>8</answer>", { answer: "", tokens: tokens(5) })), null);
});

Deno.test("repeatedNgrams() counts as open-r1 does: words by blanks, in lower case", async () => {
  const cases: [string, number, number][] = [
    ["", 3, 0],
    ["a b", 3, 0],
    ["one two three four", 3, 0],
    // the cat the, cat the cat, the cat the, cat the cat: 2 of 4
    ["The cat the CAT the cat", 3, 0.5],
    ["so it is so it is", 2, 2 / 5],
    // a comma makes another word
    ["so it is, so it is", 2, 1 / 5],
    ["a a a a a", 1, 4 / 5],
  ];
  for (const [text, size, expected] of cases) close(await repeatedNgrams({ size })(sampleOf(text)), expected);
});

Deno.test("compositeReward() takes them by name with their options", async () => {
  const reward = compositeReward({
    components: {
      overlong: { weight: 1, max: 100, buffer: 20 },
      cosineLength: { weight: 0.5, max: 100 },
      repeatedNgrams: { weight: -1, size: 1 },
    },
  });
  const [{ total }] = await reward.score([sampleOf("so so <answer>8</answer>", { tokens: tokens(90) })]);
  const cosine = 0.5 + 0.25 * (1 + Math.cos(0.9 * Math.PI));
  close(total, -0.5 + 0.5 * cosine - 1 / 3);
});
