import assert from "node:assert/strict";
import { highlightSpans } from "../../lib/display/highlight_spans.ts";
import { printable } from "../../lib/display/printable.ts";

const bare = (html: string) =>
  html.replace(/<mark title="([^"]*)"[^>]*>/g, "[$1|").replaceAll("</mark>", "]");

Deno.test("highlightSpans() marks each stretch, and names both reasons where two lie over one another", () => {
  const spans = [{ start: 2, end: 8, why: "outer" }, { start: 4, end: 6, why: "inner" }];
  assert.equal(bare(highlightSpans("0123456789", spans)), "01[outer|23][outer; inner|45][outer|67]89");
  assert.equal(bare(highlightSpans("<a>", [{ start: 0, end: 1, why: '"' }])), "[&quot;|&lt;]a&gt;");
  assert.equal(highlightSpans("plain", []), "plain");
});

Deno.test("highlightSpans() cuts a long text, and a stretch at the cut", () => {
  const html = highlightSpans("abcdef", [{ start: 2, end: 5, why: "x" }, { start: 4, end: 6, why: "y" }], {
    limit: 3,
  });
  assert.match(bare(html), /^ab\[x\|c\]<span[^>]*> … 3 characters more<\/span>$/);
});

Deno.test("printable() leaves one line without control characters, cut to its limit", () => {
  assert.equal(printable("a\nb\t\u001b[31m\u202ec"), "a\\nb\\t\\u{1b}[31m\\u{202e}c");
  assert.equal(printable("x".repeat(100), { limit: 5 }), "xxxx…");
  assert.equal(printable("xxxxx", { limit: 5 }), "xxxxx");
  assert.equal(printable("8 − ৩ €"), "8 − ৩ €");
});
