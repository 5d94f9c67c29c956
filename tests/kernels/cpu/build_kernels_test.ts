import assert from "node:assert/strict";
import { buildKernels } from "../../../lib/tasks/build_kernels.ts";

const committed = await Deno.readFile(new URL("../../../lib/kernels/cpu/kernels.wasm", import.meta.url));

/** The section ids of a WebAssembly module, in order. */
function sections(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 8; at < bytes.length;) {
    ids.push(bytes[at++]);
    let size = 0, shift = 0, byte: number;
    do {
      byte = bytes[at++];
      size += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte & 128);
    at += size;
  }
  return ids;
}

Deno.test("kernels.wasm and its types are what its sources compile to, byte for byte", async () => {
  const { binary: built, types } = await buildKernels();
  const held = await Deno.readTextFile(
    new URL("../../../lib/kernels/cpu/wasm_kernels.d.ts", import.meta.url),
  );
  assert.equal(held, types, "wasm_kernels.d.ts is out of date: run `deno task kernels`");
  assert.equal(built.length, committed.length, "kernels.wasm is out of date: run `deno task kernels`");
  assert.ok(
    built.every((byte, i) => byte === committed[i]),
    "kernels.wasm is out of date: run `deno task kernels`",
  );
});

Deno.test("kernels.wasm writes nothing on the heap that it shares with tfjs: no data segment, no start function", () => {
  const ids = sections(committed), data = 11, dataCount = 12, start = 8, code = 10;
  assert.ok(ids.includes(code));
  for (const id of [data, dataCount, start]) assert.ok(!ids.includes(id), `section ${id}`);
});
