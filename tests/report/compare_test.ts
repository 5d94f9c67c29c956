import assert from "node:assert/strict";
import { compare } from "../../lib/report/compare.ts";
import { wilson } from "../../lib/stages/statistics.ts";
import type { Evaluation } from "../../lib/stages/evaluation.ts";
import { mediaBundle } from "../display/media_bundle.ts";
import { inventedEvaluation } from "./invented.ts";

/** `pattern` says which of its problems are right: `compare` reads only verdicts and ids. */
function evaluation(pattern: string, prefix = "p"): Evaluation {
  const base = inventedEvaluation("x", 0.5, 1, pattern.length);
  const items = base.items.map((item, i) => ({
    ...item,
    problemId: `${prefix}${i}`,
    correct: pattern[i] === "1",
    wellFormed: true,
  }));
  return { ...base, items, accuracy: wilson(items.filter((item) => item.correct).length, items.length) };
}

Deno.test("compare() pairs each stage with the one before it and with the first", () => {
  const found = compare({
    base: evaluation("0000000011"),
    sft: evaluation("0001111110"),
    grpo: evaluation("0111111110"),
  });
  assert.deepEqual(found.differences.map(({ from, to }) => `${from} ${to}`), [
    "base sft",
    "sft grpo",
    "base grpo",
  ]);
  const [first, second, third] = found.differences;
  assert.ok(Math.abs(first.accuracy.value - 0.4) < 1e-12);
  assert.deepEqual([first.mcnemar!.gained, first.mcnemar!.lost], [5, 1]);
  assert.ok(Math.abs(first.mcnemar!.p - 0.21875) < 1e-12);
  assert.deepEqual([second.mcnemar!.gained, second.mcnemar!.lost], [2, 0]);
  assert.ok(Math.abs(second.mcnemar!.p - 0.5) < 1e-12);
  assert.ok(
    Math.abs(third.accuracy.value - 0.6) < 1e-12 && third.accuracy.low < 0.6 && third.accuracy.high > 0.6,
  );
  assert.deepEqual(first.formatRate, { value: 0, low: 0, high: 0 });
});

Deno.test("compare() uses the problems that both answered, and says so when there is none", () => {
  const half = evaluation("01010");
  const found = compare({ a: evaluation("0101011111"), b: half });
  assert.equal(found.differences[0].problems, 5);
  assert.equal(found.differences[0].accuracy.value, 0);
  assert.throws(() => compare({ a: half, b: evaluation("01", "q") }), {
    name: "RangeError",
    message: /'a' with 'b'.*5 and 2/,
  });
  assert.throws(() => compare({}), RangeError);
});

Deno.test("compare() averages several samples of a problem and then makes no McNemar test", () => {
  const twice = evaluation("0111");
  twice.items.forEach((item, i) => item.problemId = `p${i >> 1}`);
  const [difference] = compare({ a: evaluation("00"), b: twice }).differences;
  assert.equal(difference.mcnemar, null);
  assert.equal(difference.accuracy.value, 0.75); // (0.5 + 1) / 2
});

Deno.test("compare() shows its numbers in a terminal and in HTML, and its JSON holds data only", async () => {
  const found = compare({
    base: inventedEvaluation("base", 0.2, 0.02),
    afterSft: inventedEvaluation("sft", 0.5, 0.98),
  });
  const text = Deno.inspect(found), { accuracy } = found.stages[1];
  const cell = `${(accuracy.value * 100).toFixed(1)} % [${(accuracy.low * 100).toFixed(1)}, ${
    (accuracy.high * 100).toFixed(1)
  }]`;
  assert.ok(text.includes(cell), `${cell} in\n${text}`);
  assert.match(text, /base → after SFT/);
  const html = (await mediaBundle(found))["text/html"];
  assert.ok(html.includes(cell) && html.includes("accuracy by difficulty"));
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(found))), [
    "stages",
    "differences",
    "conclusions",
    "bootstrap",
  ]);
  const lines = text.split("\n");
  assert.ok(lines.every((line) => line.length < 160), "a terminal's width");
});

Deno.test("compare() escapes names that come from outside", async () => {
  const one = inventedEvaluation("x", 0.5, 1, 6);
  one.byDomain = { "<script>alert(1)</script>": wilson(1, 2) };
  const found = compare({ "<b>": one });
  const html = (await mediaBundle(found))["text/html"];
  assert.doesNotMatch(html, /<script|<b>/);
});
