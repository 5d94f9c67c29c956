import assert from "node:assert/strict";
import { join } from "node:path";
import { setObserver } from "../../lib/display/observer.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { pretrain } from "../../lib/tasks/pretrain.ts";
import { loadCheckpoint } from "../../lib/training/checkpoint.ts";

Deno.test({
  name:
    "pretrain() learns, goes on after a stop with the same bits, and saves a model that loads and has no tags among its tokens",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await useBackend({ backend: "cpu", threads: 1 });
    // the task's module puts the terminal's observer in place
    setObserver(null);
    const folder = await Deno.makeTempDir();
    try {
      const options = (name: string) => ({
        steps: 6,
        batch: 4,
        seed: 3,
        output: join(folder, name, "model"),
        checkpoints: join(folder, name, "checkpoints"),
        resume: false,
      });
      const whole = await pretrain(options("whole"));
      const losses = whole.steps.map(({ loss }) => loss);
      assert.deepEqual([whole.ended, losses.length], ["finished", 6]);
      // a guess among 768 tokens costs ln 768 = 6.64 nats
      assert.ok(losses[0] > 6 && losses[0] < 8 && losses[5] < losses[0], `${losses}`);
      // the rate warms up from step to step and falls in the last quarter
      const rates = whole.steps.map(({ learningRate }) => learningRate);
      assert.ok(rates[0] < rates[1] && rates.every((rate) => rate > 0 && rate < 2.5e-3), `${rates}`);

      const stop = new AbortController();
      const first = await pretrain(options("parts"), {
        signal: stop.signal,
        onStep: ({ step }) => step === 3 && stop.abort(),
      });
      assert.deepEqual([first.ended, first.steps.length], ["interrupted", 3]);
      await assert.rejects(Deno.stat(options("parts").output), Deno.errors.NotFound);
      const second = await pretrain({ ...options("parts"), resume: true });
      assert.deepEqual(second.steps.map(({ loss }) => loss), losses);

      const [a, b] = await Promise.all(["whole", "parts"].map((name) => loadModel(options(name).output)));
      for (const name of a.decoder.names) {
        assert.deepEqual(await a.decoder.values(name), await b.decoder.values(name), name);
      }
      assert.equal(a.tokenizer.vocabularySize, 768);
      assert.ok(a.tokenizer.encode("<reasoning>").length > 1);
      const [{ text, tokens }] = await a.generate(["2 + 3 ="], { maxTokens: 4, temperature: 0 });
      assert.ok(typeof text === "string" && tokens.length > 0);
      for (const model of [a, b]) model.dispose();
      assert.equal((await loadCheckpoint(options("parts").checkpoints)).step, 3);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
