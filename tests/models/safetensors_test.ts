import assert from "node:assert/strict";
import { join } from "node:path";
import { Random } from "../../lib/data/random.ts";
import { ModelFileError } from "../../lib/models/model_file_error.ts";
import {
  parseSafetensorsHeader,
  readSafetensors,
  SafetensorsFile,
  writeSafetensors,
} from "../../lib/models/safetensors.ts";

const directory = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));

function file(header: unknown, data = 0, { length }: { length?: bigint } = {}): Uint8Array<ArrayBuffer> {
  const json = typeof header === "string"
    ? new TextEncoder().encode(header)
    : new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const one = (dtype: unknown, shape: unknown, data_offsets: unknown) => ({
  w: { dtype, shape, data_offsets },
});

Deno.test("readSafetensors() gives back what writeSafetensors() wrote, 16-bit types widened", async () => {
  const path = join(directory, "round.safetensors");
  const tensors = {
    "a.weight": { shape: [2, 3], data: new Float32Array([0, -0, 1.5, -2.25, 3e38, 1e-45]) },
    b: { shape: [3], data: new Int32Array([1, -2, 2 ** 31 - 1]) },
    c: { shape: [1], data: new Uint8Array([255]) },
    none: { shape: [0, 4], data: new Float32Array(0) },
    scalar: { shape: [], data: new Float32Array([7]) },
    half: { shape: [5], data: new Float32Array([1, -65504, 6e-8, 1 / 3, Infinity]), dtype: "F16" as const },
    brain: {
      shape: [4],
      data: new Float32Array([1, -(2 ** 127), 1 / 3, 1.00390625]),
      dtype: "BF16" as const,
    },
  };
  await writeSafetensors(path, tensors, { format: "pt" });
  const { tensors: read, metadata } = await readSafetensors(path);
  assert.deepEqual(metadata, { format: "pt" });
  for (const name of ["a.weight", "b", "c", "none", "scalar"] as const) {
    assert.deepEqual(read[name].data, tensors[name].data, name);
    assert.deepEqual(read[name].shape, tensors[name].shape, name);
  }
  // 6e-8 is nearest to the smallest subnormal half, 2^-24; a third is 1365/4096 in halves, 0.333984375 in bfloat16; 1 + 1/256 ties to even.
  assert.deepEqual([...read.half.data], [1, -65504, 2 ** -24, 1365 / 4096, Infinity]);
  assert.deepEqual([...read.brain.data], [1, -(2 ** 127), 0.333984375, 1]);
});

Deno.test("writeSafetensors() lays a file out as the reference implementation does", async () => {
  const path = join(directory, "layout.safetensors");
  await writeSafetensors(path, {
    z: { shape: [1], data: new Float32Array([1]) },
    a: { shape: [2], data: new Uint8Array([2, 3]) },
  });
  const bytes = await Deno.readFile(path), length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  assert.equal(length % 8, 0);
  const text = new TextDecoder().decode(bytes.subarray(8, 8 + length)).trimEnd();
  assert.equal(
    text,
    '{"z":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}',
  );
  assert.equal(bytes.length, 8 + length + 6);
});

Deno.test("writeSafetensors() leaves the old file and no other when it fails", async () => {
  const path = join(await Deno.makeTempDir({ dir: directory }), "kept.safetensors");
  await writeSafetensors(path, { w: { shape: [1], data: new Float32Array([4]) } });
  const bad = { w: { shape: [2], data: new Float32Array([4]) } };
  await assert.rejects(writeSafetensors(path, bad), /tensor w of shape \[2\] needs 2 numbers, got 1/);
  assert.deepEqual([...(await readSafetensors(path)).tensors.w.data], [4]);
  assert.deepEqual([...Deno.readDirSync(join(path, ".."))].map(({ name }) => name), ["kept.safetensors"]);
});

Deno.test("SafetensorsFile.open() says what is wrong with a damaged file", async () => {
  const cases: [Uint8Array<ArrayBuffer>, RegExp][] = [
    [new Uint8Array(3), /at least 8 bytes, this one has 3/],
    [file({}, 0, { length: 1n << 60n }), /header should take/],
    [file({}, 0, { length: 1000n }), /only 2 follow/],
    [file("{nonsense"), /not JSON/],
    [file("[]"), /not a JSON object/],
    [file("null"), /not a JSON object/],
    [file({ __metadata__: { a: 1 } }), /__metadata__/],
    [file({ w: null }), /tensor w has the type undefined/],
    [file(one("F64", [1], [0, 8]), 8), /"F64"; supported/],
    [file(one("toString", [1], [0, 4]), 4), /"toString"/],
    [file(one("F32", [1.5], [0, 6]), 6), /shape \[1.5\]/],
    [file(one("F32", [-1], [0, 4]), 4), /shape \[-1\]/],
    [file(one("F32", 1, [0, 4]), 4), /shape 1,/],
    [file(one("F32", [1], [0]), 4), /offsets \[0\]/],
    [file(one("F32", [1], [4, 0]), 4), /needs 4 bytes, its offsets give -4/],
    [file(one("F32", [2], [0, 4]), 4), /needs 8 bytes, its offsets give 4/],
    [file(one("F32", [2 ** 40, 2 ** 40], [0, 4]), 4), /needs/],
    [file(one("F32", [2], [0, 8]), 4), /ends at byte 8 of 4/],
    [file(one("F32", [1], [4, 8]), 8), /begins at byte 4/],
    [
      file({ ...one("F32", [1], [0, 4]), v: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }, 4),
      /not where the one before ends/,
    ],
    [file(one("F32", [1], [0, 4]), 9), /take 4 bytes of data, the file has 9/],
  ];
  const path = join(directory, "bad.safetensors");
  for (const [bytes, message] of cases) {
    await Deno.writeFile(path, bytes);
    await assert.rejects(SafetensorsFile.open(path), (error) => {
      assert.ok(error instanceof ModelFileError, `${error}`);
      assert.match(error.message, message);
      assert.match(error.message, /bad\.safetensors/);
      return true;
    });
  }
  await assert.rejects(SafetensorsFile.open(join(directory, "missing")), /there is no such file/);
});

Deno.test("a tensor of another name is refused by name", async () => {
  const path = join(directory, "round.safetensors");
  await writeSafetensors(path, { w: { shape: [1], data: new Float32Array([4]) } });
  const open = await SafetensorsFile.open(path);
  await assert.rejects(open.read("v"), /there is no tensor v/);
  open.close();
});

Deno.test("parseSafetensorsHeader() meets 10,000 damaged headers with a clear error or a sound result", () => {
  const sound = JSON.stringify({
    __metadata__: { format: "pt" },
    a: { dtype: "F32", shape: [2, 2], data_offsets: [0, 16] },
    b: { dtype: "BF16", shape: [3], data_offsets: [16, 22] },
    c: { dtype: "U8", shape: [], data_offsets: [22, 23] },
  });
  const random = new Random(11), whole = (below: number) => Math.floor(random.next() * below);
  const scraps = [
    "-1",
    "1e99",
    "9007199254740993",
    '"',
    "[",
    "}",
    "null",
    "[[1]]",
    "{}",
    "0",
    ",",
    "\\u0000",
    "\xff",
  ];
  let refused = 0;
  for (let round = 0; round < 10_000; round++) {
    let text = sound;
    for (let change = 0; change <= whole(3); change++) {
      const at = whole(text.length), kind = whole(4);
      if (kind === 0) text = text.slice(0, at);
      else if (kind === 1) {
        text = text.slice(0, at) + String.fromCharCode(32 + whole(95)) + text.slice(at + 1);
      } else if (kind === 2) {
        text = text.slice(0, at) + scraps[whole(scraps.length)] + text.slice(at + whole(4));
      } else text = text.slice(0, at) + text.slice(at + 1 + whole(8));
    }
    const dataLength = whole(10) ? 23 : whole(40), bytes = new TextEncoder().encode(text);
    if (!whole(5)) bytes[whole(Math.max(1, bytes.length))] = whole(256);
    try {
      const { tensors } = parseSafetensorsHeader(bytes, { where: "x.safetensors", dataLength });
      // What is let through must fill the data exactly.
      assert.equal(tensors.reduce((sum, { start, end }) => sum + end - start, 0), dataLength);
    } catch (error) {
      if (!(error instanceof ModelFileError)) throw error;
      assert.match(error.message, /^reading x\.safetensors: /);
      refused++;
    }
  }
  assert.ok(refused > 8_000 && refused < 10_000, `${refused} refused`);
});
