import assert from "node:assert/strict";
import { displayable, displayedHtml } from "../../lib/display/displayable.ts";
import { mediaBundle } from "./media_bundle.ts";

Deno.test("displayable() shows a value without changing its data", async () => {
  const plain = { steps: [1, 2], name: "<sft>" };
  const shown = displayable(structuredClone(plain), { text: () => `${plain.steps.length} steps of <sft>` });
  assert.equal(Deno.inspect(shown), "2 steps of <sft>");
  assert.deepEqual(await mediaBundle(shown), {
    "text/html": '<pre style="max-height:24em;overflow:auto">2 steps of &lt;sft&gt;</pre>',
    "text/plain": "2 steps of <sft>",
  });
  assert.equal(JSON.stringify(shown), JSON.stringify(plain));
  assert.deepEqual(Object.keys({ ...shown }), ["steps", "name"]);
  assert.deepEqual(structuredClone(shown), plain);
  assert.deepEqual(shown, plain);
});

Deno.test("displayable() sees the value as it is when it is shown", async () => {
  const run = displayable({ steps: 1 }, { text: () => "", html: ({ steps }) => `<b>${steps}</b>` });
  run.steps = 7;
  assert.equal((await mediaBundle(run))["text/html"], "<b>7</b>");
});

Deno.test("String() of a displayable value is what a terminal shows, and its page's HTML can be had", () => {
  const shown = displayable({ a: 1 }, { text: () => "one\x1b", html: () => "<b>one</b>" });
  assert.equal(`${shown}`, "one\\u{1b}");
  assert.equal(displayedHtml(shown), "<b>one</b>");
});
