import assert from "node:assert/strict";
import { join } from "node:path";
import { DataError } from "../../lib/data/data_error.ts";
import { readRows } from "../../lib/data/read_rows.ts";

const rows = [{ question: "Is a café open?", answer: "yes" }, { question: "2 + 3?", answer: 5 }];
const jsonl = rows.map((row) => JSON.stringify(row)).join("\n") + "\n", utf8 = new TextEncoder();

const utf16 = (text: string, little: boolean) => {
  const view = new DataView(new ArrayBuffer(2 * text.length));
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), little);
  return new Uint8Array(view.buffer);
};

const gzip = async (bytes: Uint8Array<ArrayBuffer>) =>
  new Uint8Array(
    await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
  );

async function withFile<T>(name: string, content: string | Uint8Array, use: (path: string) => Promise<T>) {
  const folder = await Deno.makeTempDir(), path = join(folder, name);
  await Deno.writeFile(path, typeof content === "string" ? utf8.encode(content) : content);
  try {
    return await use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const readable: [what: string, name: string, content: string | Uint8Array][] = [
  ["JSONL", "a.jsonl", jsonl],
  ["JSONL with the line ends of Windows", "a.jsonl", jsonl.replaceAll("\n", "\r\n")],
  ["a byte order mark", "a.jsonl", "\uFEFF" + jsonl],
  ["UTF-16 as PowerShell writes it", "a.jsonl", utf16("\uFEFF" + jsonl, true)],
  ["UTF-16, the other byte first", "a.jsonl", utf16("\uFEFF" + jsonl, false)],
  ["gzip", "a.jsonl.gz", await gzip(utf8.encode(jsonl))],
  ["gzip under another name", "a.jsonl", await gzip(utf8.encode(jsonl))],
  ["a JSON array", "a.json", JSON.stringify(rows, null, 2)],
  ["a JSON array called .jsonl", "a.jsonl", JSON.stringify(rows)],
  ["a byte order mark before a JSON array", "a.json", "\uFEFF" + JSON.stringify(rows)],
  ["JSONL called .json", "a.json", jsonl],
  ["an object around the list", "a.json", JSON.stringify({ version: 1, data: rows })],
];

for (const [what, name, content] of readable) {
  Deno.test(`readRows() reads ${what}`, async () => {
    await withFile(name, content, async (path) => {
      const { rows: found, bad } = await readRows(path);
      assert.deepEqual(found.map(({ value }) => value), rows);
      assert.deepEqual(bad, []);
    });
  });
}

Deno.test("readRows() reads CSV and TSV by their header, quotes and line breaks within them included", async () => {
  const csv = 'question,answer\n"Two, or\n""three""?",5\n';
  for (
    const [name, content] of [["a.csv", csv], [
      "a.tsv",
      csv.replaceAll("question,answer", "question\tanswer").replace('",', '"\t'),
    ], [
      "a.csv.gz",
      await gzip(utf8.encode(csv)),
    ]] as const
  ) {
    await withFile(name, content, async (path) => {
      const { rows: [{ value }] } = await readRows(path);
      assert.deepEqual({ ...value }, { question: 'Two, or\n"three"?', answer: "5" }, name);
    });
  }
});

Deno.test("readRows() keeps every digit of a number that floating point would change", async () => {
  const text =
    '{"a":9223372036854775808,"b":0.12345678901234567890,"c":1e400,"d":18,"e":0.1,"f":-9007199254740993}';
  await withFile("a.jsonl", text, async (path) => {
    const { rows: [{ value }] } = await readRows(path);
    assert.deepEqual(value, {
      a: "9223372036854775808",
      b: "0.12345678901234567890",
      c: "1e400",
      d: 18,
      e: 0.1,
      f: "-9007199254740993",
    });
  });
});

const refused: [what: string, name: string, content: string | Uint8Array, rule: RegExp][] = [
  [
    "Latin-1",
    "a.jsonl",
    new Uint8Array([...utf8.encode('{"a":1}\n{"q":"caf'), 0xe9, ...utf8.encode('"}\n')]),
    /a\.jsonl, line 2: it is not UTF-8 \(byte E9\), perhaps Latin-1.*save it as UTF-8/,
  ],
  ["UTF-16 without its mark", "a.jsonl", utf16(jsonl, true), /UTF-16 without a byte order mark/],
  ["UTF-32", "a.jsonl", new Uint8Array([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0]), /UTF-32; save it as UTF-8/],
  ["a zip archive", "a.csv", new Uint8Array([0x50, 0x4b, 3, 4, 0, 0]), /a zip archive or a spreadsheet/],
  ["zstd", "a.jsonl.zst", new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0]), /compressed by zstd/],
  ["damaged gzip", "a.gz", new Uint8Array([0x1f, 0x8b, 8, 0, 1, 2, 3]), /gzip but damaged/],
  ["damaged parquet", "a.parquet", utf8.encode("PAR1 and no more"), /parquet but cannot be read/],
  ["a web page", "a.jsonl", "<!DOCTYPE html><html></html>", /a web page; fetch the file itself/],
  ["a pointer of Git LFS", "a.jsonl", "version https://git-lfs.github.com/spec/v1\n", /git lfs pull/],
];

for (const [what, name, content, rule] of refused) {
  Deno.test(`readRows() says that a file is ${what}`, async () => {
    await withFile(
      name,
      content,
      (path) =>
        assert.rejects(readRows(path), (error) => error instanceof DataError && rule.test(error.message)),
    );
  });
}

Deno.test("readRows() reads parquet, whole numbers of 64 bits included", async () => {
  const { rows } = await readRows(join(import.meta.dirname!, "../fixtures/data/sums.parquet"));
  assert.deepEqual(rows.map(({ value }) => value), [
    { question: "What is 2 + 3?", answer: 5n, messages: [{ role: "user", content: "Hi" }] },
    { question: "কত ২ + ২?", answer: 9007199254740993n, messages: [] },
  ]);
});

Deno.test("readRows() gives bad lines with their numbers and reasons", async () => {
  await withFile("a.jsonl", '{"a":1}\n{"a"\n\n[1]\n7\n', async (path) => {
    const { rows, bad } = await readRows(path);
    assert.equal(rows.length, 1);
    assert.deepEqual(bad.map(({ where, reason }) => `${where.replace(/.*a\.jsonl/, "a.jsonl")}: ${reason}`), [
      'a.jsonl, line 2: it is not JSON: {"a"',
      "a.jsonl, line 4: it is not a JSON object: [1]",
      "a.jsonl, line 5: it is not a JSON object: 7",
    ]);
  });
});
