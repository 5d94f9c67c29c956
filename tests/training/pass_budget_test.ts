/** Batches in heaps that hold all of them, some, one sequence, or none. */
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { HeapError, heapUse } from "../../lib/backend/shared_wasm.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { addLora } from "../../lib/models/lora.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import { resume } from "../../lib/stages/resume.ts";
import { sft } from "../../lib/stages/sft.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { accumulate } from "../../lib/training/accumulate.ts";
import { crossEntropy } from "../../lib/training/cross_entropy.ts";
import { evaluate } from "../../lib/stages/evaluate.ts";
import { problemPrompt } from "../../lib/stages/problem_prompt.ts";
import { tokenValues } from "../../lib/training/backward.ts";
import { inPasses } from "../../lib/training/in_passes.ts";
import { rowsOf } from "../../lib/training/micro_batches.ts";
import { PassBudget } from "../../lib/training/pass_budget.ts";
import type { TrainingRun } from "../../lib/training/run.ts";
import type { TokenBatch } from "../../lib/training/token_batch.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { tinyConfig, tinyDecoder } from "../kernels/webgpu/tiny_decoder.ts";
import { digits, problems, tinyModel } from "./tiny_model.ts";

await useBackend({ backend: "cpu", threads: 1 });

/** Runs `body` with no more than `bytes` of the heap beyond what is in use. */
async function withRoom<T>(bytes: number, body: () => Promise<T>): Promise<T> {
  const { limit } = heapUse;
  heapUse.limit = heapUse.bytes + bytes;
  try {
    return await body();
  } finally {
    heapUse.limit = limit;
  }
}

/** The most that `body` takes beyond what is in use. */
async function roomFor(body: () => Promise<unknown>): Promise<number> {
  const before = heapUse.peak = heapUse.bytes;
  await body();
  return heapUse.peak - before;
}

const sequences = Array.from({ length: 12 }, (_, i) => ({
  prompt: Array.from({ length: 12 }, (_, t) => 3 + (i * 7 + t) % 60),
  completion: Array.from({ length: 10 + 3 * i % 17 }, (_, t) => 2 + (i + 5 * t) % 60),
}));
const tokens = sequences.reduce((sum, { completion }) => sum + completion.length, 0);

/** The loss and all gradients of the batch under a budget, as numbers. */
async function gradientsOf(decoder: ReturnType<typeof tinyDecoder>, budget: PassBudget) {
  const sizes: number[] = [];
  const { gradients, loss } = await accumulate(decoder, sequences, ({ sequences }) => {
    sizes.push(sequences.length);
    return crossEntropy(tokens);
  }, { budget });
  const values = Object.values(gradients).flatMap((gradient) => [...gradient.dataSync()]);
  tf.dispose(Object.values(gradients));
  return { values: [loss, ...values], sizes };
}

function assertClose(found: number[], expected: number[]) {
  const most = Math.max(...expected.map(Math.abs));
  found.forEach((value, i) =>
    assert.ok(Math.abs(value - expected[i]) < 1e-5 * most, `${i}: ${value} ${expected[i]}`)
  );
}

for (const lora of [false, true]) {
  const title = lora ? "an adapter" : "all weights";
  testOnCpu(
    `accumulate() of ${title} in a heap that holds a part of the batch learns the same in several passes`,
    async () => {
      const decoder = tinyDecoder(tinyConfig);
      if (lora) {
        addLora(decoder, { rank: 2 });
        for (const { b } of decoder.lora.values()) {
          tf.tidy(() => b.assign(tf.fill(b.shape, 0.05) as tf.Tensor2D));
        }
      }
      const whole = await gradientsOf(decoder, new PassBudget(decoder));
      assert.deepEqual(whole.sizes, [12]);
      const most = await roomFor(() => gradientsOf(decoder, new PassBudget(decoder)));

      // by what the first batch took the next is cut so that nothing fails
      const measured = new PassBudget(decoder);
      await withRoom(0.6 * most, () => gradientsOf(decoder, measured));
      const parts = await withRoom(0.6 * most, () => gradientsOf(decoder, measured));
      assert.ok(parts.sizes.length > 1, `${parts.sizes}`);
      assert.equal(parts.sizes.reduce((a, b) => a + b), 12);
      assertClose(parts.values, whole.values);

      // a budget that promises too much: what fails is halved until it fits, and said once
      const promised = new PassBudget(decoder), before = tf.memory().numTensors;
      promised.restore({ rows: 1e6, checkpointing: false });
      const halved = await withRoom(0.45 * most, () => gradientsOf(decoder, promised));
      assert.ok(halved.sizes[0] === 12 && halved.sizes.length > 3, `${halved.sizes}`);
      assertClose(halved.values, whole.values);
      const notes = promised.takeNotes();
      assert.equal(notes.length, 1);
      assert.match(
        notes[0],
        /^A pass of 12 sequences with \d+ tokens did not fit into memory and is made in halves/,
      );
      // the next batch is cut at once
      const next = await withRoom(0.45 * most, () => gradientsOf(decoder, promised));
      assert.ok(next.sizes[0] < 12 && promised.takeNotes().length === 0);
      assert.equal(tf.memory().numTensors, before);
      decoder.dispose();
    },
  );
}

testOnCpu(
  "accumulate() turns checkpointing on where a single sequence would not fit, and gives up with the heap as it was",
  async () => {
    // many layers, so that there is much to compute again
    const decoder = tinyDecoder({
      ...tinyConfig,
      layers: 12,
      layerWindows: Array.from({ length: 12 }, () => null),
      layerRope: Array.from({ length: 12 }, () => tinyConfig.layerRope[0]),
    });
    addLora(decoder, { rank: 2 });
    const whole = await gradientsOf(decoder, new PassBudget(decoder));
    const one = await roomFor(async () => {
      const { gradients } = await accumulate(decoder, [sequences[11]], () => crossEntropy(tokens));
      tf.dispose(Object.values(gradients));
    });
    const before = tf.memory().numTensors, bytes = heapUse.bytes;
    for (const promised of [false, true]) {
      const budget = new PassBudget(decoder);
      if (promised) budget.restore({ rows: 1e6, checkpointing: false });
      const { values } = await withRoom(0.7 * one, () => gradientsOf(decoder, budget));
      assertClose(values, whole.values);
      assert.ok(budget.checkpointing);
      const said = budget.takeNotes().filter((note) => note.startsWith("checkpointing is on from here"));
      assert.equal(said.length, 1);
      // before it would fail, by what is known of the model; or after, where more was promised
      assert.match(
        said[0],
        promised ? /did not fit into memory otherwise/ : /would not fit into memory otherwise/,
      );
    }
    for (const share of [0.02, 0.05, 0.1]) {
      await assert.rejects(
        withRoom(share * one, () => gradientsOf(decoder, new PassBudget(decoder))),
        HeapError,
      );
    }
    assert.deepEqual([tf.memory().numTensors, heapUse.bytes], [before, bytes]);
    decoder.dispose();
  },
);

testOnCpu("accumulate() sends the longest passes first, whatever their order in the batch", async () => {
  const decoder = tinyDecoder(tinyConfig), rows: number[] = [];
  const { gradients } = await accumulate(decoder, sequences, ({ sequences }) => {
    rows.push(rowsOf(sequences));
    return crossEntropy(tokens);
  }, { size: 1 });
  tf.dispose(Object.values(gradients));
  assert.deepEqual(rows, sequences.map((one) => rowsOf([one])).sort((a, b) => b - a));
  assert.notEqual(rows[0], rowsOf([sequences[0]]));
  decoder.dispose();
});

testOnCpu("PassBudget leaves errors alone that are not for memory", async () => {
  const decoder = tinyDecoder(tinyConfig);
  await gradientsOf(decoder, new PassBudget(decoder));
  const before = tf.memory().numTensors;
  await assert.rejects(
    accumulate(decoder, sequences, () => () => {
      throw new RangeError("a loss of one's own");
    }),
    /a loss of one's own/,
  );
  assert.equal(tf.memory().numTensors, before);
  decoder.dispose();
});

/** What a stage says while it runs. */
async function notesOf(body: () => Promise<unknown>): Promise<string[]> {
  const notes: string[] = [];
  setObserver({
    view: () => ({ update() {}, note: (text) => void notes.push(text), end: () => Promise.resolve() }),
    stop: () => ({ pressed: false, signal: new AbortController().signal, release() {} }),
  });
  try {
    await body();
  } finally {
    setObserver(null);
  }
  return notes;
}

for (const stage of ["sft", "grpo", "rloo"] as const) {
  testOnCpu(
    `${stage}() in a small heap learns the same curve, and goes on after a stop with the same bits`,
    async () => {
      const folder = await Deno.makeTempDir(), model = tinyModel();
      model.addLora({ rank: 4 });
      const start = await model.decoder.lora.values().next().value!.a.data();
      const grpoOptions = {
        steps: 4,
        promptsPerStep: 4,
        generations: 6,
        maxTokens: 48,
        beta: 0.05,
        topEntropyQuantile: 0.5,
        gradientAccumulation: 2,
        reward: digits,
      };
      const train = (
        hooks: { checkpoints?: string; signal?: AbortSignal; onStep?: (m: { step: number }) => void },
      ) =>
        stage === "sft"
          ? sft(model, problems, { steps: 4, batchSize: 24, ...hooks })
          : grpo(model, problems, {
            ...grpoOptions,
            ...stage === "rloo" && { algorithm: "rloo", topEntropyQuantile: 1 },
            ...hooks,
          });
      const fresh = () => {
        model.addLora({ rank: 4 });
        assert.deepEqual(model.decoder.lora.values().next().value!.a.dataSync(), start);
      };
      // GRPO's loss is near 0 whatever its gradient is
      const losses = ({ steps }: TrainingRun) => steps.map(({ loss, gradientNorm }) => loss + gradientNorm);
      const most = await roomFor(() => train({}));
      fresh();
      const whole = await train({});
      fresh();
      const room = (stage === "sft" ? 0.4 : 0.62) * most;
      let small = whole;
      const notes = await notesOf(async () => small = await withRoom(room, () => train({})));
      losses(small).forEach((loss, i) => {
        assert.ok(
          Math.abs(loss - losses(whole)[i]) < 2e-3 * (1 + Math.abs(loss)),
          `step ${i + 1}: ${loss} ${losses(whole)}`,
        );
      });
      console.log(
        `${stage}: ${(most / 1e6).toFixed(1)} MB as it likes, ${(room / 1e6).toFixed(1)} MB given; ${
          notes.join(" ")
        }`,
      );

      fresh();
      const stop = new AbortController();
      await withRoom(room, () =>
        train({
          checkpoints: folder,
          signal: stop.signal,
          onStep: ({ step }) => step === 2 && stop.abort(),
        }));
      fresh();
      const resumed = await withRoom(room, () => resume(model, folder, { problems, reward: digits }));
      assert.deepEqual(losses(resumed), losses(small));
      model.dispose();
      await Deno.remove(folder, { recursive: true });
    },
  );
}

testOnCpu(
  "inPasses() halves what does not fit and keeps the order, and gives up where one sequence does not",
  async () => {
    const decoder = tinyDecoder(tinyConfig);
    const rowsOf = async (tokens: TokenBatch) => tokens.split((await tokenValues(decoder, tokens)).logprobs);
    const passesOf = async (budget: PassBudget) => await inPasses(sequences, { budget, rowsOf });
    const whole = await passesOf(new PassBudget(decoder));
    const most = await roomFor(() => passesOf(new PassBudget(decoder)));
    const promised = new PassBudget(decoder), { bytes } = heapUse;
    promised.restore({ rows: 1e6, checkpointing: false });
    const halved = await withRoom(0.4 * most, () => passesOf(promised));
    assert.deepEqual(
      halved.map(({ length }) => length),
      sequences.map(({ completion }) => completion.length),
    );
    assertClose(halved.flatMap((row) => [...row]), whole.flatMap((row) => [...row]));
    assert.match(promised.takeNotes()[0], /^A pass of 12 sequences .* is made in halves/);
    await assert.rejects(withRoom(0.01 * most, () => passesOf(new PassBudget(decoder))), HeapError);
    assert.equal(heapUse.bytes, bytes);
    decoder.dispose();
  },
);

testOnCpu("stages say once that memory held fewer completions at once, and draw the same", async () => {
  const model = tinyModel();
  model.addLora({ rank: 4 });
  const options = { steps: 2, promptsPerStep: 6, generations: 8, maxTokens: 96, beta: 0, reward: digits };
  const asked = { samples: 8, temperature: 1, maxTokens: 96, limit: 12, batchSize: 48 };
  const prompts = problems.slice(0, 6).map((problem) => problemPrompt(model.tokenizer, problem).ids);
  const most = await roomFor(() => model.generate(prompts, { n: 8, maxTokens: 96 }));
  const [expected, answers] = [await grpo(model, problems, options), await evaluate(model, problems, asked)];
  model.addLora({ rank: 4 });
  const said = /Sampling 48 completions at once did not fit into memory: half as many/;
  const drawn: string[] = [], asking: string[] = [];
  drawn.push(
    ...await notesOf(async () => {
      const { steps } = await withRoom(0.8 * most, () => grpo(model, problems, options));
      assert.deepEqual(steps[0].reward, expected.steps[0].reward);
    }),
  );
  assert.equal(drawn.filter((note) => said.test(note)).length, 1, drawn.join(" "));
  asking.push(
    ...await notesOf(async () => {
      const { items } = await withRoom(0.8 * most, () => evaluate(model, problems, asked));
      assert.equal(items.length, answers.items.length);
    }),
  );
  assert.equal(asking.filter((note) => said.test(note)).length, 1, asking.join(" "));
  model.dispose();
});
