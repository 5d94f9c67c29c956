import assert from "node:assert/strict";
import { Ttf } from "../../lib/report/ttf.ts";

const file = new URL(import.meta.resolve("@expo-google-fonts/open-sans/400Regular/OpenSans_400Regular.ttf"));

Deno.test("Ttf reads Open Sans' published metrics", async () => {
  const font = new Ttf(await Deno.readFile(file));
  // hhea of Open Sans: ascender 2189, descender −600 of 2048 units; advance of `A` 1295, of a space 532 (fontTools)
  assert.equal(font.ascent, 2189 / 2048);
  assert.equal(font.descent, 600 / 2048);
  assert.equal(font.width("A"), 1295 / 2048);
  assert.equal(font.width("A A"), (1295 * 2 + 532) / 2048);
  assert.ok(font.has("é") && !font.has("漢"));
});

Deno.test("Ttf names the table that a file lacks", () => {
  assert.throws(() => new Ttf(new Uint8Array(12)), { name: "TypeError", message: /'head'/ });
});
