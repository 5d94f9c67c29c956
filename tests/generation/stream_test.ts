import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { CompletionChunk } from "../../lib/models/causal_lm.ts";
import { createModel } from "../../lib/models/create_model.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { chatPrompt } from "../../lib/text/chat_prompt.ts";
import { loadTokenizer } from "../../lib/text/tokenizer.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { tinyConfig } from "../kernels/webgpu/tiny_decoder.ts";

const embedded = join(import.meta.dirname!, "../../data/models/tiny-gemma");
const tokenizer = await loadTokenizer(embedded);

/** Random weights: it says all 768 tokens, bytes that make no character too. */
const wild = () =>
  createModel({ ...tinyConfig, vocabSize: tokenizer.vocabularySize, maxPositions: 400 }, {
    tokenizer,
    seed: 4,
    standardDeviation: 0.3,
    directory: embedded,
  });

async function all(chunks: AsyncIterable<CompletionChunk>): Promise<CompletionChunk[]> {
  const found: CompletionChunk[] = [];
  for await (const chunk of chunks) found.push(chunk);
  return found;
}

testOnCpu(
  "stream() gives what generate() gives, in whole characters, for every completion of every prompt",
  async () => {
    await startEngine({ threads: 1 });
    const model = wild(), before = tf.memory().numTensors;
    for (const lookEvery of [1, 3, 16]) {
      const options = { maxTokens: 60, n: 3, seed: 5, temperature: 1.2, stop: ["e", "th"] };
      const prompts = ["What is 3 + 4?", "Tom has 3 apples.", "x"];
      const expected = await model.generate(prompts, options),
        chunks = await all(model.stream(prompts, { ...options, lookEvery }));
      for (const [i, completion] of expected.entries()) {
        const own = chunks.filter(({ prompt, sample }) => prompt === completion.prompt && sample === i % 3);
        const { logprobs, ...rest } = own.at(-1)!.completion!, { logprobs: wanted, ...others } = completion;
        assert.deepEqual(rest, others);
        // rows that end leave the batch at looks, and a product of fewer rows is rounded otherwise
        logprobs.forEach((value, i) =>
          assert.ok(Math.abs(value - wanted[i]) < 1e-5, `${value}, ${wanted[i]}`)
        );
        assert.equal(own.filter(({ completion }) => completion).length, 1);
        assert.equal(own.map(({ text }) => text).join(""), completion.text);
        assert.ok(own.every(({ tokens }, i) => i === 0 || tokens >= own[i - 1].tokens));
        assert.equal(completion.pieces.join(""), completion.text);
        assert.equal(completion.logprobs.length, completion.tokens.length);
        assert.equal(completion.pieces.length, completion.tokens.length);
      }
      assert.ok(new Set(expected.map(({ ended }) => ended)).has("stop"));
      for (const { text } of expected) assert.doesNotMatch(text, /e|th/);
    }
    assert.ok(tf.memory().numTensors - before <= 4, "only rotary tables may be added");
    model.dispose();
  },
);

testOnCpu(
  "stop texts end a completion before them whatever the tokens, tokens and log-probabilities being its own",
  async () => {
    await startEngine({ threads: 1 });
    const model = await loadModel(embedded), prompt = chatPrompt(tokenizer, "What is 12 + 30?");
    const ids = tokenizer.encode(prompt, { bos: false }), options = { temperature: 0, maxTokens: 60 };
    const [plain] = await model.generate([ids], options);
    assert.equal(plain.ended, "end");
    assert.ok(plain.text.length > 12, plain.text);
    // every stretch of three characters of what it says, so that borders of tokens fall everywhere
    for (let at = 0; at + 3 <= plain.text.length; at++) {
      const stop = plain.text.slice(at, at + 3), first = plain.text.indexOf(stop);
      const [cut] = await model.generate([ids], { ...options, stop: [stop] });
      assert.deepEqual([cut.text, cut.ended, cut.truncated], [plain.text.slice(0, first), "stop", false]);
      assert.deepEqual(cut.tokens, plain.tokens.slice(0, cut.tokens.length));
      assert.deepEqual(cut.logprobs, plain.logprobs.slice(0, cut.tokens.length));
      const [kept] = await model.generate([ids], { ...options, stop: [stop], includeStop: true });
      assert.equal(kept.text, plain.text.slice(0, first + 3));
    }
    const [special] = await model.generate([ids], { ...options, eosIds: [], stop: ["<end_of_turn>"] });
    assert.deepEqual([special.text, special.ended], [plain.text, "end"]);
    const [limited] = await model.generate([ids], { ...options, maxTokens: 3 });
    assert.deepEqual([limited.ended, limited.truncated, limited.tokens.length], ["limit", true, 3]);
    await assert.rejects(model.generate([ids], { ...options, stop: [""] }), /at least one character/);
    model.dispose();
  },
);

testOnCpu("leaving the loop or aborting ends the sampling; an error comes out of the loop", async () => {
  await startEngine({ threads: 1 });
  const model = wild(), options = { maxTokens: 300, eosIds: [], temperature: 0 };
  let looks = 0;
  for await (const { tokens } of model.stream(["x"], { ...options, onProgress: () => looks++ })) {
    if (tokens > 4) break;
  }
  assert.ok(looks < 20, `${looks} looks after leaving at the fifth token`);

  const controller = new AbortController();
  const chunks = await all(
    model.stream(["x"], {
      ...options,
      signal: controller.signal,
      onText: ({ tokens }) => tokens > 4 && controller.abort(),
    }),
  );
  const { completion } = chunks.at(-1)!;
  assert.equal(completion!.ended, "aborted");
  assert.equal(completion!.truncated, false);
  assert.ok(completion!.tokens.length < 20);
  assert.equal(chunks.map(({ text }) => text).join(""), completion!.text);

  await assert.rejects(all(model.stream(["x"], { temperature: -1 })), /temperature = -1 must be at least 0/);
  await assert.rejects(all(model.stream(["x"], { lookEvery: 0 })), /lookEvery = 0 must be at least 1/);
  model.dispose();
});
