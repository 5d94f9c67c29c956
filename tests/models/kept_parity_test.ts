/**
 * Logits of weights that are kept in 8 or 4 bits, held to transformers on the same dequantised weights: the embedded model against what
 * tests/fixtures/make_kept_logits.ts recorded, and SmolLM2 where SHOWWORK_TRANSFORMERS_PYTHON has torch and transformers and
 * `deno task fetch smollm2` has brought the model. The blocks of GGUF files are held so in gguf_parity_test.ts, type by type.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { formOf } from "../../lib/kernels/stored_form.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { fetchableModels } from "../../lib/tasks/fetchable_models.ts";
import { chatPrompt } from "../../lib/text/chat_prompt.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { readJson } from "./load_checkpoint.ts";
import { logitsByTransformers } from "./transformers_logits.ts";

const root = join(import.meta.dirname!, "../.."), python = Deno.env.get("SHOWWORK_TRANSFORMERS_PYTHON");
const kinds = ["int8", "q4"] as const;

/** Whether the first layer's projections are kept in so many bits, with offsets or without. */
function assertKept({ decoder }: CausalLM, kept: { bits: number; offsets: boolean }): void {
  const { kind, bits, offsets } = formOf(decoder.linear("model.layers.0.mlp.up_proj").weight);
  assert.deepEqual({ kind, bits, offsets }, { kind: "quantised", ...kept });
}

function logitsOf(model: CausalLM, ids: number[]): Float32Array {
  const logits = model.logits([ids]), values = logits.dataSync() as Float32Array;
  logits.dispose();
  return values;
}

const furthest = (found: ArrayLike<number>, expected: number[]) =>
  expected.reduce((most, value, i) => Math.max(most, Math.abs(value - found[i])), 0);

for (const weights of kinds) {
  testOnCpu(`tiny-gemma kept in ${weights} gives transformers' logits of the same numbers`, async () => {
    await startEngine({ threads: 1 });
    const { ids, picked, logits } = await readJson(join(root, "tests/fixtures/kept_logits.json"));
    const model = await loadModel({ path: join(root, "data/models/tiny-gemma"), weights });
    assertKept(model, weights === "int8" ? { bits: 8, offsets: false } : { bits: 4, offsets: true });
    const last = logitsOf(model, ids).subarray(-model.config.vocabSize);
    const worst = furthest(picked.map((at: number) => last[at]), logits[weights]);
    assert.ok(worst <= 1e-4, `off by ${worst}`);
    model.dispose();
  });
}

const file = join(root, "data/models/smollm2", fetchableModels.smollm2.file);
const isThere = await Deno.stat(file).then(({ isFile }) => isFile, () => false);
const title = "SmolLM2 kept in 8 and in 4 bits gives transformers' logits of the same numbers";
if (!python || !isThere) {
  const why = python
    ? "the model is not there: deno task fetch smollm2 brings it"
    : "SHOWWORK_TRANSFORMERS_PYTHON is not set";
  Deno.test.ignore(`${title} (skipped: ${why})`, () => {});
} else {
  testOnCpu(title, async () => {
    await startEngine();
    const hold = async (model: CausalLM, name: string) => {
      const { tokenizer, config } = model;
      const question = "A farmer has 10 sheep and buys 3 more. How many sheep are there?";
      const ids = tokenizer.encode(chatPrompt(tokenizer, question), { bos: false });
      const [expected] = await logitsByTransformers(model, { python, inputs: [ids] });
      const ours = logitsOf(model, ids), worst = furthest(ours, expected);
      assert.equal(expected.length, ids.length * config.vocabSize);
      console.log(
        `  ${name}: ${expected.length} logits, the largest difference is ${worst.toExponential(1)}`,
      );
      assert.ok(worst <= 1e-4, `${name}: off by ${worst}`);
    };
    const folder = await Deno.makeTempDir();
    try {
      // under an adapter, the blocks that the file has
      const packed = await loadModel({ path: file, lora: { rank: 4 } });
      assertKept(packed, { bits: 4, offsets: true });
      await hold(packed, "Q4_1, as the file has it");
      await packed.save(folder, { verify: false });
      packed.dispose();
      for (const weights of kinds) {
        const model = await loadModel({ path: folder, weights });
        assertKept(model, weights === "int8" ? { bits: 8, offsets: false } : { bits: 4, offsets: true });
        await hold(model, weights);
        model.dispose();
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
