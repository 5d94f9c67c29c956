import assert from "node:assert/strict";
import { compare } from "../../lib/report/compare.ts";
import type { Evaluation } from "../../lib/stages/evaluation.ts";
import { summariseEvaluation } from "../../lib/stages/summarise_evaluation.ts";
import { inventedEvaluation } from "./invented.ts";

/** An evaluation in which the first `right` problems are right. */
function rightOn(right: number, of: Evaluation): Evaluation {
  const items = of.items.map((item, i) => ({ ...item, correct: i < right, correctAnywhere: i < right }));
  return { ...of, ...summariseEvaluation(items, { ks: [1], format: {} }), items };
}

const some = inventedEvaluation("some", 0.5, 0.9, 100), of = (right: number) => rightOn(right, some);
const concluded = (base: Evaluation, sft: Evaluation) => compare({ base, sft }).conclusions[0];

Deno.test("compare() says which stage is right more often, and by how much, where that is certain", () => {
  assert.match(
    concluded(of(30), of(50)),
    /^SFT is right more often than base on these 100 problems, by 20\.0 points \(95 %: \+\d+\.\d to \+\d+\.\d, McNemar p \d/,
  );
  assert.match(concluded(of(50), of(30)), /^SFT is right less often than base .* by 20\.0 points/);
});

Deno.test("compare() says that nothing can be told, and what would have shown", () => {
  const close = rightOn(50, some),
    items = close.items.map((item, i) => ({ ...item, correct: i >= 6 && i < 57 }));
  const other = { ...close, ...summariseEvaluation(items, { ks: [1], format: {} }), items };
  assert.match(
    concluded(close, other),
    /^Whether SFT is right more or less often than base cannot be told from these 100 problems: \+1\.0 points .* less than about \d+\.\d points does not show/,
  );
  assert.equal(concluded(close, close), "Base and SFT are right on the same 100 problems.");
});

Deno.test("compare() says what weakens a comparison", () => {
  const [base, sft] = [of(30), of(50)];
  assert.match(
    concluded(base, { ...sft, config: { ...sft.config, temperature: 1 } }),
    /; but they were evaluated with other temperature, so the difference is that too\.$/,
  );
  const stopped = { ...sft, ended: "interrupted" as const, items: sft.items.slice(0, 60) };
  assert.match(
    concluded(base, stopped),
    /; but SFT stopped before the end, and short completions end first; and only 60 of 100 problems were answered by both\.$/,
  );
});
