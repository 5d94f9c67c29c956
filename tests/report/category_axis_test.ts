import assert from "node:assert/strict";
import { categoryAxis } from "../../lib/report/category_axis.ts";

Deno.test("categoryAxis() sets a word a line, and names aslant and whole where words would touch", () => {
  const kinds = ["malformed", "premature conclusion", "calculation error", "wrong operation", "other"];
  const upright = categoryAxis(kinds, 1);
  assert.deepEqual([upright.tickangle, upright.automargin], [0, false]);
  assert.equal(upright.ticktext[1], "premature<br>conclusion");
  const narrow = categoryAxis([...kinds, "unit confusion", "off-policy mask"], 3);
  assert.deepEqual([narrow.tickangle, narrow.automargin], [-40, true]);
  assert.equal(narrow.ticktext[1], "premature conclusion");
  assert.deepEqual(categoryAxis(["a < b"], 3).tickvals, ["a &lt; b"]);
});
