import assert from "node:assert/strict";
import { dequantiseRows, quantisedBytes } from "../../lib/kernels/quantised_matrix.ts";
import { GgufFile } from "../../lib/weights/gguf_file.ts";
import { blockSplits } from "../../lib/weights/split_blocks.ts";

Deno.test("a quantised matrix holds the numbers of its blocks, to the bit, in every type", async () => {
  const seen = new Set<string>();
  for (const name of ["llama", "qwen2", "qwen3"]) {
    const file = await GgufFile.open(new URL(`../fixtures/gguf/${name}.gguf`, import.meta.url).pathname);
    for (const { name, dtype, shape: [rows, columns] } of file.tensors.values()) {
      const swapped = (row: number) => rows - 1 - row, matrix = await file.quantised(name, swapped);
      assert.equal(matrix !== null, dtype in blockSplits, `${name}: ${dtype}`);
      if (!matrix) continue;
      seen.add(dtype);
      const expected = new Float32Array(rows * columns),
        numbers = dequantiseRows(matrix, { from: 0, to: rows });
      for await (const { at, values } of file.pieces(name)) expected.set(values, at);
      for (let i = 0; i < numbers.length; i++) {
        const stored = expected[swapped(Math.floor(i / columns)) * columns + i % columns];
        // (a zero may have another sign)
        assert.ok(numbers[i] === stored, `${name} (${dtype}) at ${i}: ${numbers[i]}, not ${stored}`);
      }
      const part = dequantiseRows(matrix, { from: 1, to: 3 });
      assert.deepEqual(part, numbers.slice(columns, 3 * columns));
      assert.equal(
        quantisedBytes(matrix),
        rows * columns * (matrix.bits / 8 + (matrix.offsets ? 8 : 4) / matrix.group),
      );
    }
    file.close();
  }
  assert.deepEqual([...seen].sort(), Object.keys(blockSplits).sort());
});
