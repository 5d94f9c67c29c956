import assert from "node:assert/strict";
import { dequantise } from "../../lib/weights/dequantise.ts";
import { ggmlTypeNumber, ggmlTypes } from "../../lib/weights/ggml_types.ts";

const recorded = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/gguf/types.json", import.meta.url)),
) as Record<string, { blocks: string; values: string }>;

for (const name of ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]) {
  Deno.test(`dequantise: random blocks of ${name} are the numbers that Python's gguf reads, to the bit`, () => {
    const blocks = Uint8Array.fromBase64(recorded[name].blocks);
    const expected = new Float32Array(Uint8Array.fromBase64(recorded[name].values).buffer);
    const { elements, bytes } = ggmlTypes.get(ggmlTypeNumber(name))!;
    assert.equal(blocks.length / bytes, expected.length / elements);
    const numbers = new Float32Array(expected.length);
    dequantise[name](blocks, numbers, blocks.length / bytes);
    // (a zero may have another sign: 0 · −d)
    for (let i = 0; i < numbers.length; i++) {
      assert.ok(numbers[i] === expected[i], `${i}: ${numbers[i]}, not ${expected[i]}`);
    }
    assert.ok(expected.some((value) => value !== 0));
  });
}
