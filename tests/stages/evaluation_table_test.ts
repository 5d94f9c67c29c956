import assert from "node:assert/strict";
import { evaluationTable } from "../../lib/stages/evaluation_table.ts";
import { mediaBundle } from "../display/media_bundle.ts";
import { inventedEvaluation } from "../report/invented.ts";

Deno.test("evaluationTable() shows the rates with their intervals and why answers are wrong", async () => {
  const evaluation = inventedEvaluation("after SFT", 0.5, 0.98, 60), data = structuredClone(evaluation);
  const shown = evaluationTable(evaluation), text = Deno.inspect(shown);
  const { accuracy, byDifficulty, failures } = evaluation;
  const row = (name: string) =>
    text.split("\n").find((line) => line.trim().startsWith(name))!.trim().split(/ {3,}/);
  const share = (value: number) => (value * 100).toFixed(1);
  assert.deepEqual(row("accuracy"), [
    "accuracy",
    `${share(accuracy.value)} %`,
    `${share(accuracy.low)} to ${share(accuracy.high)} %`,
    `${accuracy.count} of 60`,
  ]);
  assert.equal(row("hard").at(-1), `${byDifficulty.hard.count} of 20`);
  assert.equal(row("calculation error").at(-1), `${failures["calculation error"]} of 60`);
  assert.ok((await mediaBundle(shown))["text/html"].includes(`${accuracy.count} of 60`));
  assert.deepEqual(JSON.parse(JSON.stringify(shown)), JSON.parse(JSON.stringify(data)));
});
