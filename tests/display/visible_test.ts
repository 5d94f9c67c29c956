import assert from "node:assert/strict";
import { displayable } from "../../lib/display/displayable.ts";
import { escapeHtml, scriptJson } from "../../lib/display/escape_html.ts";
import { highlightCompletion } from "../../lib/display/highlight_completion.ts";
import { PlainError } from "../../lib/display/plain_error.ts";
import { padText, textWidth } from "../../lib/display/text_width.ts";
import { htmlTable, textTable } from "../../lib/display/table.ts";
import { visible, visibleLine } from "../../lib/display/visible.ts";
import { chatHtml, chatText } from "../../lib/notebook/chat_view.ts";
import { panelHtml, panelLine } from "../../lib/notebook/panel_view.ts";
import { Figure } from "../../lib/report/figure.ts";
import { mediaBundle } from "./media_bundle.ts";

/** C0, DEL, C1, bidi overrides, isolates and marks, invisible ones, separators, halves of characters, tags. */
const hostile = [
  ..."\0\x07\b\v\f\r\x1b\x7f\x85\x9b\x9d\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202d\u202e\u2060\u2066\u2069",
  "\ud800",
  "\udc00",
  "\ufeff",
  "\ufff9",
  "\u{e0041}",
];
const attack = `\x1b[2J\x1b]0;pwned\x07 \x9b31m ${hostile.join("x")} end`;
const raw = (text: string) =>
  hostile.filter((character) => text.includes(character)).map((c) => visibleLine(c));

Deno.test("visible() escapes what a terminal obeys and what nobody sees, and keeps what words are spelt with", () => {
  assert.equal(visible("\x1b[2Ja\r\nb\tc\rd"), "\\u{1b}[2Ja\nb\tc\\rd");
  assert.equal(visibleLine("a\nb\tc"), "a\\nb\\tc");
  for (const character of hostile) {
    assert.match(visible(`a${character}b`), /^a\\(u\{[0-9a-f]+\}|r)b$/, visibleLine(character));
  }
  for (const kept of ["8 − ৩ €", "基线 👨‍👩‍👧 ❤️", "می‌خواهم", "ক্‌ষ", "e\u0301", "𝑥²"]) {
    assert.equal(visible(kept), kept);
  }
});

Deno.test("what people see holds no control character raw: terminal text, HTML, scripts, errors, figures", async () => {
  const turn = { question: attack, text: attack, tokens: 1, seconds: 1, ended: "end" as const, forgotten: 0 };
  const panel = {
    title: attack,
    done: 1,
    total: 2,
    unit: "step",
    elapsedSeconds: 1,
    quantities: [{ label: attack, colour: "#000000", history: [1] }],
    phase: attack,
    sample: { prompt: attack, completion: attack, reference: attack },
    notes: [{ text: attack, level: "warning" as const }],
  };
  const table = { title: attack, columns: ["", attack], rows: [[attack, attack], [attack]], notes: [attack] };
  const shown = displayable({}, { text: () => attack }), bundle = await mediaBundle(shown);
  const figure = new Figure([{ y: [1, 2], name: attack }], { title: { text: attack } });
  const seen: Record<string, string> = {
    chatText: chatText([turn]),
    chatHtml: chatHtml([turn, { ...turn, pieces: [...attack], logprobs: [...attack].map(() => -1) }]),
    panelLine: panelLine(panel),
    panelHtml: panelHtml(panel),
    textTable: textTable(table),
    htmlTable: htmlTable(table),
    inspected: Deno.inspect(shown),
    html: bundle["text/html"] as string,
    plain: bundle["text/plain"] as string,
    escapeHtml: escapeHtml(attack),
    highlighted: highlightCompletion(attack),
    script: scriptJson(attack),
    error: new PlainError(attack).stack!,
    figure: Deno.inspect(figure),
    svg: await figure.svg(),
    page: (await figure.html()).replace(/<script>[\s\S]*?<\/script>/, ""),
  };
  for (const [name, text] of Object.entries(seen)) {
    assert.deepEqual(raw(text), [], name);
    assert.ok(!text.includes("pwned") || text.includes("\\u{1b}") || text.includes("\\u001b"), name);
  }
  assert.deepEqual(JSON.parse(scriptJson(attack)), attack);
  assert.deepEqual(raw(scriptJson(attack)), []);
});

Deno.test("textWidth() counts columns: two for Chinese, Korean and emoji, none for what combines", () => {
  const cases: [string, number][] = [
    ["abc", 3],
    ["基线", 4],
    ["한국", 4],
    ["👍", 2],
    ["👨‍👩‍👧", 2],
    [
      "e\u0301",
      1,
    ],
    ["é", 1],
    ["", 0],
  ];
  for (const [text, width] of cases) assert.equal(textWidth(text), width, text);
  assert.equal(padText("基", 4), "基  ");
  assert.equal(padText("基", 4, { right: true }), "  基");
  const lines = textTable({ columns: ["", "基线"], rows: [["训练后 👍", "1"], ["b", "22"]] }).split("\n");
  assert.equal(new Set(lines.map(textWidth)).size, 1);
});
