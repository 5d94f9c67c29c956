import assert from "node:assert/strict";
import { join } from "node:path";
import { Random } from "../../lib/random/random.ts";
import { ModelFileError } from "../../lib/weights/model_file_error.ts";
import {
  parseSafetensorsHeader,
  readSafetensors,
  SafetensorsFile,
  writeSafetensors,
} from "../../lib/weights/safetensors.ts";
import { largestArray } from "../models/largest_array.ts";

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
    [file(one("F65", [1], [0, 8]), 8), /tensor w has the type "F65"; the format has F4, /],
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

Deno.test("SafetensorsFile.pieces() gives a tensor in pieces, widened, and never holds more than one", async () => {
  const path = join(directory, "pieces.safetensors"), count = 1_000_003;
  const data = Float32Array.from({ length: count }, (_, i) => (i % 997) / 64);
  for (const dtype of ["F32", "F16", "BF16"] as const) {
    await writeSafetensors(path, {
      before: { shape: [3], data: new Float32Array([1, 2, 3]), dtype },
      w: { shape: [count], data, dtype },
    });
    const { tensors } = await readSafetensors(path), whole = tensors.w.data;
    const found = new Float32Array(count), sizes: number[] = [];
    const largest = await largestArray(async () => {
      const file = await SafetensorsFile.open(path);
      for await (const { at, values } of file.pieces("w", 250_000)) {
        found.set(values, at);
        sizes.push(values.length);
      }
      file.close();
    });
    assert.deepEqual(sizes, [250_000, 250_000, 250_000, 250_000, 3]);
    assert.deepEqual(found, whole);
    assert.equal(largest, 1_000_000); // one piece in float32, of 4 MB
  }
  const file = await SafetensorsFile.open(path);
  await assert.rejects(file.pieces("v").next(), /there is no tensor v/);
  file.close();
});

Deno.test("writeSafetensors() fetches tensors one after the other, in the order of the file", async () => {
  const path = join(directory, "fetched.safetensors"), fetched: string[] = [];
  const lazy = (name: string, values: number[]) => ({
    shape: [values.length],
    fetch: () => {
      fetched.push(name);
      return Promise.resolve(new Float32Array(values));
    },
  });
  await writeSafetensors(path, { b: lazy("b", [3, 4]), a: lazy("a", [1]) });
  assert.deepEqual(fetched, ["a", "b"]);
  const { tensors } = await readSafetensors(path);
  assert.deepEqual([[...tensors.a.data], [...tensors.b.data]], [[1], [3, 4]]);
  const short = { w: { ...lazy("w", [1]), shape: [2] } };
  await assert.rejects(writeSafetensors(path, short), /tensor w of shape \[2\] needs 2 numbers, got 1/);
  assert.deepEqual([...(await readSafetensors(path)).tensors.b.data], [3, 4]);
});

Deno.test("reading 10,000 corrupt files gives a clear error or sound numbers, and allocates no more than the file", async () => {
  const path = join(directory, "fuzz.safetensors");
  await writeSafetensors(path, {
    a: { shape: [2, 2], data: new Float32Array([1, 2, 3, 4]) },
    b: { shape: [3], data: new Float32Array([5, 6, 7]), dtype: "BF16" },
    c: { shape: [2], data: new Float32Array([8, 9]), dtype: "F16" },
  }, { format: "pt" });
  const sound = await Deno.readFile(path), random = new Random(12);
  const whole = (below: number) => Math.floor(random.next() * below);
  const outcome = { refused: 0, read: 0 }, reasons = new Map<RegExp, number>();
  const rules = [
    /at least 8 bytes/,
    /header should take/,
    /header is not JSON/,
    /not a JSON object/,
    /__metadata__ is not/,
    /has the type/,
    /has the shape/,
    /has the offsets/,
    /needs \d+ bytes, its offsets give/,
    /ends at byte/,
    /begins at byte/,
    /the tensors take \d+ bytes/,
  ];
  let most = 0;
  for (let round = 0; round < 10_000; round++) {
    let bytes = sound.slice();
    const kind = whole(6);
    if (kind === 0) bytes = bytes.slice(0, whole(bytes.length));
    else if (kind === 1) bytes = new Uint8Array([...bytes, ...new Uint8Array(1 + whole(64))]);
    else if (kind === 2) bytes[whole(8)] = whole(256); // the header's length
    else if (kind === 3) {
      new DataView(bytes.buffer).setBigUint64(0, BigInt(whole(2 ** 31)) << BigInt(whole(33)), true);
    } else if (kind === 4) {
      // digits of shapes and offsets become other digits, so that the JSON stays whole
      const digits = [...bytes.keys()].filter((i) => i >= 8 && bytes[i] >= 48 && bytes[i] <= 57);
      for (let n = 0; n <= whole(3); n++) bytes[digits[whole(digits.length)]] = 48 + whole(10);
    } else for (let n = 0; n <= whole(4); n++) bytes[8 + whole(bytes.length - 8)] = whole(256);
    await Deno.writeFile(path, bytes);
    let tensors: Awaited<ReturnType<typeof readSafetensors>>["tensors"] | null = null;
    const allocated = await largestArray(async () => {
      try {
        ({ tensors } = await readSafetensors(path));
      } catch (error) {
        if (!(error instanceof ModelFileError)) throw error;
        assert.match(error.message, /^reading .*fuzz\.safetensors: .{12}/);
        const rule = rules.find((rule) => rule.test(error.message));
        assert.ok(rule, error.message);
        reasons.set(rule, (reasons.get(rule) ?? 0) + 1);
      }
    });
    // 16-bit numbers are widened, which doubles them
    assert.ok(allocated <= Math.max(8, 2 * bytes.length), `${allocated} bytes for a file of ${bytes.length}`);
    most = Math.max(most, allocated / Math.max(8, bytes.length));
    if (tensors === null) outcome.refused++;
    else {
      outcome.read++;
      // what is let through fills the data exactly: 16 + 6 + 4 bytes however they are cut
      const width = { F32: 4, F16: 2, BF16: 2, I32: 4, U8: 1 };
      const read = Object.values(
        tensors as Record<string, { dtype: keyof typeof width; data: { length: number } }>,
      );
      assert.equal(read.reduce((sum, { dtype, data }) => sum + data.length * width[dtype], 0), 26);
    }
  }
  assert.equal(outcome.refused + outcome.read, 10_000);
  assert.ok(outcome.refused > 9_000 && outcome.read > 50, JSON.stringify(outcome));
  assert.ok(reasons.size >= 9, [...reasons.keys()].join("; "));
  if (Deno.env.get("SHOWWORK_FIGURES")) {
    console.log(
      outcome,
      `largest allocation ${most.toFixed(2)} × the file`,
      [...reasons].sort((a, b) => b[1] - a[1]),
    );
  }
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
