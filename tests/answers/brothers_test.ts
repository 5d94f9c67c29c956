import assert from "node:assert/strict";
import { answersMatch } from "../../lib/answers/answers_match.ts";
import brothers from "./brothers.json" with { type: "json" };

// Relatives of the inputs of public_reports_test.ts, by the same kinds: [one, other, whether they are the same].
for (const [kind, cases] of Object.entries(brothers) as [string, [string, string, boolean][]][]) {
  Deno.test(`answersMatch() on relatives of public reports: ${kind}`, () => {
    const wrong = cases.filter(([answer, reference, same]) =>
      answersMatch(answer, reference) !== same || answersMatch(reference, answer) !== same
    );
    assert.deepEqual(wrong.map((one) => JSON.stringify(one)), []);
  });
}
