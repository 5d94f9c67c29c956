import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { setObserver } from "../../lib/display/observer.ts";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { compareLogits, compareWeights, logitsOf, type ReadBack } from "../../lib/models/read_back.ts";
import { exportRun } from "../../lib/report/export_run.ts";
import { loadRun } from "../../lib/report/load_run.ts";
import { ModelFileError } from "../../lib/weights/model_file_error.ts";
import { SafetensorsFile } from "../../lib/weights/safetensors.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { inventedSft } from "../report/invented.ts";
import { drawAdapter } from "./draw_adapter.ts";

/** tiny-gemma with an adapter that changes something: B is no longer zero. */
async function taught(): Promise<CausalLM> {
  const model = await loadModel({ path: "data/models/tiny-gemma", lora: { rank: 4, alpha: 8 } });
  drawAdapter(model.decoder, 0.05);
  return model;
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    setObserver(null);
    await Deno.remove(folder, { recursive: true });
  }
}

const kept = async (folder: string) =>
  JSON.parse(await Deno.readTextFile(join(folder, "showwork.json"))).readBack as ReadBack;

testOnCpu(
  "save() reads the merged model back, in every type, and says and keeps how far it is",
  () =>
    inFolder(async (folder) => {
      await startEngine({ threads: 1 });
      const notes: string[] = [];
      setObserver({
        view: () => ({ update() {}, note: (text) => notes.push(text), end: () => Promise.resolve() }),
        stop: () => ({ pressed: false, signal: new AbortController().signal, release() {} }),
      });
      const model = await taught(),
        bounds = { F32: [0, 1e-4], F16: [1e-6, 0.05], BF16: [1e-5, 0.5] } as const;
      for (const dtype of ["F32", "F16", "BF16"] as const) {
        const found = await model.save(join(folder, dtype), { dtype }), [least, most] = bounds[dtype];
        assert.ok(
          found !== null && found.difference >= least && found.difference <= most,
          `${dtype}: ${found?.difference}`,
        );
        assert.ok(
          found.adapterEffect! > 1 && found.difference < found.adapterEffect! / 4,
          `${found.adapterEffect}`,
        );
        assert.ok(found.tokens > 5 && found.tokens <= 32);
        assert.ok(Math.abs(found.adapterKept! - 1) < 0.05, `${found.adapterKept}`);
        assert.equal(found.sameNext, 1);
        assert.deepEqual(await kept(join(folder, dtype)), { ...found });
        assert.match(
          notes.at(-1)!,
          /^Saved and read back: the logits of \d+ tokens differ by at most .* \(the adapter changes up to /,
        );
      }
      assert.equal(notes.length, 3);
      assert.equal(await model.save(join(folder, "F32"), { verify: false }), null);
      model.dispose();
    }),
);

testOnCpu(
  "saveAdapter() reads back the adapter that was saved, in use or not, and leaves the model as it was",
  () =>
    inFolder(async (folder) => {
      await startEngine({ threads: 1 });
      const model = await taught();
      await model.saveAdapter(join(folder, "first"));
      model.addLora({ name: "second", rank: 2 });
      const tensors = tf.memory().numTensors;
      const found = await model.saveAdapter(join(folder, "default"), { name: "default" });
      assert.ok(found!.adapterEffect! > 1 && found!.difference <= 1e-4);
      assert.deepEqual([model.adapter, model.decoder.adapters], ["second", ["default", "second"]]);
      const fresh = await model.saveAdapter(join(folder, "second"));
      assert.deepEqual([fresh!.adapterEffect, fresh!.difference], [0, 0]);
      assert.equal(tf.memory().numTensors, tensors);
      model.dispose();
    }),
);

testOnCpu(
  "exportRun() reads the adapter back, says how far it is and keeps it with the results",
  () =>
    inFolder(async (folder) => {
      await startEngine({ threads: 1 });
      const notes: string[] = [], model = await taught(), target = join(folder, "run");
      setObserver({
        view: () => ({ update() {}, note: (text) => notes.push(text), end: () => Promise.resolve() }),
        stop: () => ({ pressed: false, signal: new AbortController().signal, release() {} }),
      });
      const { results } = await exportRun(target, {
        config: {},
        runs: [inventedSft(2)],
        evaluations: {},
        model,
      });
      const { compared, difference, adapterEffect } = results.readBack as ReadBack;
      assert.equal(compared, "logits");
      assert.ok(difference <= 1e-4 && adapterEffect! > 1, `${difference}, ${adapterEffect}`);
      assert.deepEqual(await kept(join(target, "adapter")), { ...results.readBack as ReadBack });
      assert.deepEqual((await loadRun(target)).results.readBack, { ...results.readBack as ReadBack });
      assert.equal(notes.filter((note) => note.startsWith("Saved and read back: the logits of ")).length, 1);
      model.dispose();
    }),
);

testOnCpu("what was written is refused when it acts untrained", () =>
  inFolder(async (folder) => {
    await startEngine({ threads: 1 });
    const model = await taught(), base = await loadModel("data/models/tiny-gemma");
    await assert.rejects(
      compareLogits(model, { path: folder, dtype: "BF16", again: (ids) => logitsOf(base.decoder, ids) }),
      (error) => {
        assert.ok(error instanceof ModelFileError);
        assert.match(
          error.message,
          /what was written is another model: read back, its logits are off by .*, and 0 % of what the adapter changes is in it/,
        );
        return true;
      },
    );
    assert.equal(await Deno.stat(join(folder, "showwork.json")).then(() => true, () => false), false);
    model.dispose();
    base.dispose();
  }));

testOnCpu(
  "where memory holds no second model the weights are compared, one by one",
  () =>
    inFolder(async (folder) => {
      await startEngine({ threads: 1 });
      const model = await taught();
      await model.save(folder, { dtype: "BF16", verify: false });
      const file = await SafetensorsFile.open(join(folder, "model.safetensors"));
      const stored = (name: string) => file.pieces(name);
      const found = await compareWeights(model, { path: folder, dtype: "BF16", stored });
      assert.equal(found.compared, "weights");
      assert.ok(found.difference > 1e-5 && found.difference < 0.02, `${found.difference}`);
      model.useAdapter(null);
      await assert.rejects(
        compareWeights(model, { path: folder, dtype: "F32", stored }),
        /its weights are off by/,
      );
      file.close();
      model.dispose();
    }),
);
