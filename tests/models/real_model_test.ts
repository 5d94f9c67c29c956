import assert from "node:assert/strict";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { fetchableModels } from "../../lib/tasks/fetchable_models.ts";
import { chatPrompt } from "../../lib/text/chat_prompt.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { readJson } from "./load_checkpoint.ts";

const path = join(import.meta.dirname!, "../../data/models/smollm2", fetchableModels.smollm2.file);
const isThere = await Deno.stat(path).then(({ isFile }) => isFile, () => false);

interface Recorded {
  chats: {
    question: string;
    prompt: string;
    ids: number[];
    greedy: number[];
    picked: number[];
    logits: number[];
  }[];
  encoded: Record<string, number[]>;
  decoded: Record<string, string>;
}

const title =
  "SmolLM2-135M from its GGUF file encodes, computes and answers as transformers does with the same file";
if (!isThere) {
  Deno.test.ignore(`${title} (skipped: it is not there; deno task fetch smollm2 brings it)`, () => {});
} else {
  testOnCpu(title, async () => {
    await startEngine();
    const { chats, encoded, decoded }: Recorded = await readJson(
      join(import.meta.dirname!, "../fixtures/smollm2.json"),
    );
    const model = await loadModel(path), { tokenizer } = model;
    for (const [text, ids] of Object.entries(encoded)) {
      assert.deepEqual(tokenizer.encode(text, { bos: false }), ids, JSON.stringify(text));
      assert.equal(tokenizer.decode(ids), decoded[text], JSON.stringify(text));
    }
    for (const { question, prompt, ids, picked, logits } of chats) {
      assert.equal(chatPrompt(tokenizer, question), prompt);
      assert.deepEqual(tokenizer.encode(prompt, { bos: false }), ids);
      const ours = model.logits([ids]), last = ours.dataSync().subarray(-model.config.vocabSize);
      for (const [i, at] of picked.entries()) {
        assert.ok(Math.abs(last[at] - logits[i]) <= 1e-4, `${question} [${at}]`);
      }
      ours.dispose();
    }
    const completions = await model.generate(chats.map(({ ids }) => ids), { maxTokens: 24, temperature: 0 });
    for (const [i, { tokens }] of completions.entries()) {
      assert.deepEqual(tokens, chats[i].greedy, chats[i].question);
    }
    assert.equal(tokenizer.endOfTurnId, 2);
    model.dispose();
  });
}
