import assert from "node:assert/strict";
import { htmlTable, type Table, textTable } from "../../lib/display/table.ts";

const table: Table = {
  title: "Scores",
  columns: ["", "base", "<GRPO>"],
  rows: [["accuracy", "12 %", { text: "+4.0", mark: "better" }], ["by domain"], [
    "maths & logic",
    "7 %",
    "9 %",
  ]],
  notes: ["a note"],
};

Deno.test("textTable() lines names up at the left and numbers at the right", () => {
  assert.equal(
    textTable(table),
    [
      "Scores",
      "                base   <GRPO>",
      "─────────────────────────────",
      "accuracy        12 %     +4.0",
      "by domain",
      "maths & logic    7 %      9 %",
      "a note",
    ].join("\n"),
  );
});

Deno.test("htmlTable() escapes every cell, colours what is marked and spans headings", () => {
  const html = htmlTable(table);
  assert.doesNotMatch(html, /<GRPO>/);
  assert.ok(html.includes("&lt;GRPO&gt;") && html.includes("maths &amp; logic"));
  assert.match(html, /<td style="color:#0b7a5c;[^"]*">\+4\.0<\/td>/);
  assert.match(html, /<td colspan="3"[^>]*>by domain<\/td>/);
});

Deno.test("htmlTable() breaks long names on request, and never numbers", () => {
  const table = { columns: ["name", "value"], rows: [["a long name", "1"]] };
  const breaks = (html: string) => [...html.matchAll(/white-space:(\w+)/g)].map(([, value]) => value);
  assert.deepEqual(breaks(htmlTable(table)), ["nowrap", "nowrap", "nowrap", "nowrap"]);
  assert.deepEqual(breaks(htmlTable({ ...table, wrapNames: true })), [
    "normal",
    "nowrap",
    "normal",
    "nowrap",
  ]);
});

Deno.test("textTable() of prose sets words to the left and breaks the last column into lines", () => {
  const sentence = "word ".repeat(20).trim();
  assert.deepEqual(
    textTable({ columns: ["option", "default", "meaning"], rows: [["a", "1", sentence]], prose: true }).split(
      "\n",
    ),
    [
      "option   default   meaning",
      `${"─".repeat(6)}───${"─".repeat(7)}───${"─".repeat(69)}`,
      `a        1         ${"word ".repeat(14).trim()}`,
      `                   ${"word ".repeat(6).trim()}`,
    ],
  );
});
