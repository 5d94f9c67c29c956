import assert from "node:assert/strict";
import { join } from "node:path";
import { Random } from "../../lib/random/random.ts";
import { CompletionText } from "../../lib/generation/completion_text.ts";
import { PieceDecoder } from "../../lib/text/piece_decoder.ts";
import { loadTokenizer } from "../../lib/text/tokenizer.ts";

/** One token a UTF-8 byte: every character outside ASCII is cut by borders of tokens. */
const bytes = { decode: (ids: readonly number[]) => new TextDecoder().decode(Uint8Array.from(ids)) };
const idsOf = (text: string) => [...new TextEncoder().encode(text)];

function given(text: CompletionText, ids: number[]): { chunks: string[]; end: string } {
  const chunks = ids.map((id) => text.push(id));
  return { chunks, end: text.end() };
}

const cases: [string, string, string[], string, string | null][] = [
  ["no stop text", "5 + 3 = 8", [], "5 + 3 = 8", null],
  ["one that never comes", "5 + 3 = 8", ["</answer>"], "5 + 3 = 8", null],
  ["one across tokens", "8</answer> and more", ["</answer>"], "8", "</answer>"],
  ["one whose beginning comes first in vain", "a</ans</answer>", ["</answer>"], "a</ans", "</answer>"],
  ["one that overlaps itself", "aaabaab!", ["aab"], "a", "aab"],
  ["the first of several", "x##y||z", ["||", "##"], "x", "##"],
  ["one that another begins with", "x###y", ["##", "###"], "x", "##"],
  ["of more than one byte a character", "৮। ৯ ৯", ["৯"], "৮। ", "৯"],
  ["half of which shares bytes with another character", "৮৯", ["৮৮"], "৮৯", null],
  ["emoji joined by others", "👩‍👩‍👧 and é", [], "👩‍👩‍👧 and é", null],
];

for (const [name, text, stop, expected, stopped] of cases) {
  Deno.test(`CompletionText ends before the stop text: ${name}`, () => {
    for (const includeStop of [false, true]) {
      const own = new CompletionText(bytes, { stop, includeStop }), { chunks, end } = given(own, idsOf(text));
      const whole = expected + (includeStop ? stopped ?? "" : "");
      assert.equal(own.stopped, stopped);
      assert.equal(own.text, whole);
      assert.equal(chunks.join("") + end, whole);
      assert.equal(own.pieces.join(""), whole);
      for (const chunk of chunks) assert.ok(!chunk.includes("\uFFFD"), JSON.stringify(chunks));
      // what was given out stays: nothing past the end, at any moment
      chunks.reduce((sum, chunk) => {
        assert.ok(whole.startsWith(sum + chunk), JSON.stringify(chunks));
        return sum + chunk;
      }, "");
    }
  });
}

Deno.test("CompletionText gives text out as soon as it is certain", () => {
  const { chunks } = given(new CompletionText(bytes, { stop: ["stop"] }), idsOf("so st\u00e9"));
  assert.deepEqual(chunks, ["", "so", " ", "", "", "", "st\u00e9"]);
});

Deno.test("CompletionText leaves out a last character that was never finished, and keeps a broken one within", () => {
  const cut = new CompletionText(bytes), { chunks, end } = given(cut, idsOf("a৯").slice(0, -1));
  assert.deepEqual([chunks.join(""), end, cut.text, cut.pieces], ["a", "", "a", ["a", "", ""]]);
  const broken = new CompletionText(bytes);
  given(broken, [0x61, 0xe0, 0x62]);
  assert.equal(broken.text, "a\uFFFDb");
});

Deno.test("CompletionText refuses an empty stop text", () => {
  assert.throws(() => new CompletionText(bytes, { stop: [""] }), /at least one character/);
});

Deno.test("CompletionText cuts where a search of the whole text would, whatever the tokens (2,000 random texts)", async () => {
  const tokenizer = await loadTokenizer(join(import.meta.dirname!, "../../data/models/tiny-gemma"));
  const random = new Random(3), pick = (from: string) => from[Math.floor(random.next() * from.length)];
  let cuts = 0;
  for (let round = 0; round < 2000; round++) {
    const alphabet = ["ab", "ab<", "aé৯<", "12 +"][round % 4];
    const make = (length: number) => Array.from({ length }, () => pick(alphabet)).join("");
    const text = make(40), stop = [make(2 + round % 3), make(3)];
    const source = round % 2 ? tokenizer : bytes,
      ids = round % 2 ? tokenizer.encode(text, { bos: false }) : idsOf(text);
    const own = new CompletionText(source, { stop }), { chunks, end } = given(own, ids);
    // by brute force: the fewest tokens whose text has a stop text, and of those within it the one that begins first
    const decoder = new PieceDecoder(source, { skipSpecial: true });
    let expected = "";
    for (const id of ids) {
      expected += decoder.push(id);
      const found = stop.map((text) => expected.indexOf(text)).filter((at) => at >= 0);
      if (found.length === 0) continue;
      expected = expected.slice(0, Math.min(...found));
      cuts++;
      break;
    }
    assert.equal(own.text, expected);
    assert.equal(chunks.join("") + end, own.text);
    assert.equal(own.pieces.join(""), own.text);
  }
  assert.ok(cuts > 500, `${cuts} cuts`);
});
