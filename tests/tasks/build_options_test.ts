import assert from "node:assert/strict";
import { optionFiles } from "../../lib/tasks/build_options.ts";

Deno.test("the interfaces of options are those of today's schemas (deno task options)", async () => {
  const files = Object.entries(await optionFiles());
  assert.ok(files.length >= 9);
  for (const [file, text] of files) {
    assert.match(text, /export interface \w+ \{\n {2}\/\*\*/);
    assert.doesNotMatch(text, /: unknown;/, `${file}: a type without a name`);
    assert.equal(await Deno.readTextFile(new URL(`../../${file}`, import.meta.url)), text, file);
  }
});
