import assert from "node:assert/strict";
import { writeCache } from "../../../lib/kernels/webgpu/kv_cache.ts";
import { assertClose, normal, testOnWebgpu, valuesOn } from "./on_webgpu.ts";

testOnWebgpu("writeCache() replaces the positions given and no others", async () => {
  const cache = normal([2, 5, 3, 2], 1),
    rows = normal([2, 2, 3, 2], 2),
    expected = Float32Array.from(cache.data);
  for (let b = 0; b < 2; b++) expected.set(rows.data.slice(b * 12, b * 12 + 12), b * 30 + 2 * 6);
  const actual = await valuesOn("webgpu", [cache, rows], (cache, rows) => {
    writeCache(cache, rows, 2);
    return [cache];
  });
  assertClose(actual, [expected], 0);
});

testOnWebgpu("writeCache() refuses to write past the end", async () => {
  const run = valuesOn("webgpu", [normal([1, 4, 1, 2], 1), normal([1, 2, 1, 2], 2)], (cache, rows) => {
    writeCache(cache, rows, 3);
    return [cache];
  });
  await assert.rejects(run, /2 positions from 3.*capacity of 4/);
});
