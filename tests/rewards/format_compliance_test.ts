import assert from "node:assert/strict";
import { formatCompliance } from "../../lib/rewards/format_compliance.ts";
import { pointedAt, sampleOf } from "./reward_sample.ts";

const words = (text: string) => pointedAt(formatCompliance(), sampleOf(text));
const tags = [
  ["<reasoning>", "opens the reasoning"],
  ["</reasoning>", "closes the reasoning"],
  ["<answer>", "opens the answer"],
  ["</answer>", "closes the answer"],
];

Deno.test("formatCompliance() points at the tags that earn and at the text around that costs", () => {
  assert.deepEqual(words("<reasoning>5+3</reasoning><answer>8</answer>"), tags);
  assert.deepEqual(words("Well. <reasoning>5+3</reasoning>\nso\n<answer>8</answer> and more "), [
    ...tags,
    ["Well.", "text outside the tags"],
    ["so", "text outside the tags"],
    ["and more", "text outside the tags"],
  ]);
  const swapped = "<answer>8</answer> <reasoning>5+3</reasoning>";
  assert.deepEqual(words(swapped).at(-1), [swapped, "answer before reasoning"]);
  assert.deepEqual(words("8"), []);
});
