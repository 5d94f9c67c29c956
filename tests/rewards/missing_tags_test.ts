import assert from "node:assert/strict";
import { missingTags } from "../../lib/rewards/missing_tags.ts";
import { pointedAt, sampleOf } from "./reward_sample.ts";

Deno.test("missingTags() is 1 when a pair is missing or open, else 0", () => {
  const cases: [string, number][] = [
    ["<reasoning>5+3</reasoning><answer>8</answer>", 0],
    ["<answer>8</answer><reasoning>5+3</reasoning>", 0],
    ["<answer>8</answer>", 1],
    ["<reasoning>5+3</reasoning>", 1],
    ["<reasoning>5+3<answer>8</answer>", 1],
    ["<reasoning>5+3</reasoning><answer>8", 1],
    ["</reasoning>5+3<reasoning><answer>8</answer>", 1],
    ["", 1],
  ];
  for (const [text, expected] of cases) assert.equal(missingTags()(sampleOf(text)), expected, text);
});

Deno.test("missingTags() points at the tags that stand alone", () => {
  assert.deepEqual(pointedAt(missingTags(), sampleOf("<reasoning>5+3</reasoning><answer>8")), [
    ["<answer>", "is never closed by </answer>"],
  ]);
  assert.deepEqual(pointedAt(missingTags(), sampleOf("8</answer>")), [["</answer>", "closes no <answer>"]]);
  assert.deepEqual(
    pointedAt(missingTags(), sampleOf("<reasoning>a</reasoning><answer>8</answer>")),
    [],
  );
});
