import assert from "node:assert/strict";
import { join } from "node:path";
import { Random } from "../../lib/random/random.ts";
import { GgufFile } from "../../lib/weights/gguf_file.ts";
import { parseGgufHeader } from "../../lib/weights/gguf_header.ts";
import { ModelFileError } from "../../lib/weights/model_file_error.ts";
import { ggufBytes } from "./gguf_bytes.ts";

const metadata = {
  "general.architecture": "llama",
  "llama.block_count": 2,
  "tokenizer.ggml.tokens": ["a", "b", "Ġc", "日本"],
  "tokenizer.ggml.add_bos_token": true,
};
const tensors = [
  { name: "token_embd.weight", shape: [4, 32], type: 8, bytes: 4 * 34 },
  { name: "blk.0.attn_norm.weight", shape: [32], type: 0, bytes: 128 },
  { name: "blk.0.attn_q.weight", shape: [8, 32], type: 3, bytes: 8 * 20 },
];

const parse = (bytes: Uint8Array, size = bytes.length) => {
  let at = 0;
  return parseGgufHeader((target) => {
    const some = bytes.subarray(at, at += target.length);
    target.set(some);
    return some.length;
  }, { where: "model.gguf", size });
};

Deno.test("parseGgufHeader() reads metadata and tensors, the slowest dimension first", () => {
  const { metadata: read, tensors: found, dataStart } = parse(ggufBytes({ metadata, tensors }));
  assert.deepEqual(Object.fromEntries(read), metadata);
  assert.deepEqual(found, [
    { name: "token_embd.weight", dtype: "Q8_0", shape: [4, 32], start: 0, end: 136 },
    { name: "blk.0.attn_norm.weight", dtype: "F32", shape: [32], start: 160, end: 288 },
    { name: "blk.0.attn_q.weight", dtype: "Q4_1", shape: [8, 32], start: 288, end: 448 },
  ]);
  assert.equal(dataStart % 32, 0);
});

Deno.test("parseGgufHeader() names the file and the key or the tensor that is wrong", () => {
  const with_ = (change: Partial<typeof tensors[0]>, index = 2) =>
    ggufBytes({
      metadata,
      tensors: tensors.map((tensor, i) => i === index ? { ...tensor, ...change } : tensor),
    });
  const good = ggufBytes({ metadata, tensors });
  const patched = (at: number, ...values: number[]) => {
    const bytes = good.slice();
    bytes.set(values, at);
    return bytes;
  };
  const find = (text: string) => new TextDecoder("latin1").decode(good).indexOf(text);
  const cases: [string, Uint8Array, RegExp][] = [
    ["empty", new Uint8Array(0), /model\.gguf: it does not begin with GGUF/],
    ["something else", new TextEncoder().encode("PK".padEnd(64, "x")), /does not begin with GGUF/],
    ["version 1", ggufBytes({ metadata, tensors, version: 1 }), /it has version 1; supported: 2 and 3/],
    ["big-endian", patched(4, 0, 0, 0, 3), /big-endian/],
    [
      "too many tensors",
      patched(8, 255, 255, 255, 255),
      /should hold 4294967295 tensors, which its \d+ bytes cannot/,
    ],
    ["too many values", patched(16, 255, 255, 255, 255, 255), /should hold \d+ values of metadata/],
    ["a long key", patched(24, 255, 255), /should hold 65535 bytes in key 1 of 4/],
    [
      "a long list",
      patched(find("tokenizer.ggml.tokens") + 21 + 8, 255, 255, 255),
      /elements of the metadata's tokenizer\.ggml\.tokens/,
    ],
    [
      "a kind of value",
      patched(find("llama.block_count") + 17, 99),
      /the metadata's llama\.block_count has the type 99/,
    ],
    [
      "no UTF-8",
      patched(find("tokenizer.ggml.tokens") + 21 + 4 + 4 + 8 + 8, 0xff),
      /tokenizer\.ggml\.tokens is not UTF-8/,
    ],
    [
      "a key twice",
      ggufBytes({ metadata: { "a.bc": 1, "a.bd": 2 } }).with(24 + 8 + 4 + 4 + 4 + 8 + 3, 99),
      /the metadata has a\.bc twice/,
    ],
    ["a type", with_({ type: 77 }), /tensor "blk\.0\.attn_q\.weight" has the type 77, which is not known/],
    [
      "no whole blocks",
      with_({ shape: [8, 33] }),
      /attn_q\.weight" has rows of 33, which are no whole blocks of 32 \(Q4_1\)/,
    ],
    ["no length", with_({ shape: [0, 32] }), /attn_q\.weight" has the shape \[0,32\]/],
    ["five dimensions", with_({ shape: [1, 1, 1, 1, 32] }), /attn_q\.weight" has 5 dimensions/],
    ["a name twice", with_({ name: "token_embd.weight" }), /tensor "token_embd\.weight" is there twice/],
    ["no name", with_({ name: "" }), /tensor "" has no name/],
    [
      "a tensor longer than the file",
      with_({ shape: [800, 32] }),
      /attn_q\.weight" of shape \[800,32\] and type Q4_1 ends at byte \d+ of \d+: the file is cut short/,
    ],
    [
      "overlapping",
      with_({ shape: [2, 32] }, 0),
      /"blk\.0\.attn_norm\.weight" begins at byte 160 of the numbers, not where the one before ends \(96\)/,
    ],
    [
      "cut numbers",
      good.subarray(0, good.length - 64),
      /"blk\.0\.attn_q\.weight" ends at byte \d+ of \d+: the file is cut short/,
    ],
    ["cut header", good.subarray(0, 100), /ends at byte 100, within its header|which its 100 bytes cannot/],
  ];
  for (const [name, bytes, message] of cases) {
    assert.throws(() => parse(bytes), (error) => {
      assert.ok(error instanceof ModelFileError, `${name}: ${error}`);
      assert.match(error.message, message, name);
      assert.match(error.message, /^reading model\.gguf: /, name);
      return true;
    }, name);
  }
});

Deno.test("10,000 damaged GGUF headers are read or refused by name, and none hangs or takes the memory", () => {
  const random = new Random(7), good = ggufBytes({ metadata, tensors });
  const headerBytes = parse(good).dataStart, ends = { read: 0, refused: 0 };
  for (let i = 0; i < 10_000; i++) {
    const bytes = good.slice(0, i % 5 === 0 ? Math.floor(random.next() * good.length) : good.length);
    for (let changes = 1 + Math.floor(random.next() * 3); changes > 0; changes--) {
      const at = Math.floor(random.next() * headerBytes);
      bytes[at] = random.next() < 0.3 ? 255 : Math.floor(random.next() * 256);
    }
    try {
      parse(bytes);
      ends.read++;
    } catch (error) {
      assert.ok(error instanceof ModelFileError, `${i}: ${error instanceof Error ? error.stack : error}`);
      assert.match(error.message, /^reading model\.gguf: /);
      ends.refused++;
    }
  }
  assert.ok(ends.refused > 5000 && ends.read > 100, JSON.stringify(ends));
});

Deno.test("GgufFile names the tensor that it cannot give", async () => {
  const path = join(await Deno.makeTempDir(), "model.gguf");
  const iq = [{ name: "blk.0.attn_q.weight", shape: [1, 256], type: 16, bytes: 66 }];
  await Deno.writeFile(path, ggufBytes({ metadata, tensors: iq }));
  const file = await GgufFile.open(path);
  const first = (name: string) => file.pieces(name).next();
  await assert.rejects(
    first("blk.0.attn_q.weight"),
    /tensor blk\.0\.attn_q\.weight holds IQ2_XXS, which is not supported; supported: F32/,
  );
  await assert.rejects(first("nothing"), /there is no tensor nothing/);
  file.close();
  await Deno.remove(path);
  await assert.rejects(GgufFile.open(path), /there is no such file/);
});
