import assert from "node:assert/strict";
import { join } from "node:path";
import { Tokenizer } from "../../lib/text/tokenizer.ts";

const directory = join(import.meta.dirname!, "../../data/models/tiny-gemma");
const [file, config] = await Promise.all(
  ["tokenizer.json", "tokenizer_config.json"].map(async (name) =>
    JSON.parse(await Deno.readTextFile(join(directory, name)))
  ),
);
const id = new Tokenizer(file, config).vocabularySize;
const added = (content: string, single_word: boolean) => ({
  ...file,
  added_tokens: [...file.added_tokens, {
    id,
    content,
    single_word,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: false,
  }],
});

// how often Python's tokenizers find it
const texts: [text: string, found: number][] = [
  ["words sword", 0],
  ["a word here", 1],
  ["word", 1],
  ["word.", 1],
  ["wordword word", 1],
  ["_word -word-", 1],
  ["wörd word1 1word", 0],
  ["word,word", 2],
  ["x\u200dword word", 1],
];

Deno.test("encode() finds an added token of whole words in whole words only", () => {
  const tokenizer = new Tokenizer(added("word", true), config);
  for (const [text, found] of texts) {
    const ids = tokenizer.encode(text, { bos: false });
    assert.equal(ids.filter((one) => one === id).length, found, text);
    assert.equal(tokenizer.decode(ids), text);
  }
  assert.deepEqual([tokenizer.decode([id]), tokenizer.token(id)], ["word", "word"]);
  assert.ok(new Tokenizer(added("word", false), config).encode("swords", { bos: false }).includes(id));
});
