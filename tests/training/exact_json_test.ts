import assert from "node:assert/strict";
import { parseExact, stringifyExact } from "../../lib/training/exact_json.ts";

Deno.test("stringifyExact() and parseExact() keep what JSON loses, and the texts that look like it", () => {
  const value = {
    a: [NaN, Infinity, -Infinity, -0, 0, 5e-324],
    text: ["NaN", "-0"],
    none: null,
    deep: { b: { c: -0 } },
  };
  assert.deepEqual(parseExact(stringifyExact(value)), value);
  assert.deepEqual(JSON.parse(stringifyExact({ loss: 0.5, lost: undefined })), { loss: 0.5 });
});
