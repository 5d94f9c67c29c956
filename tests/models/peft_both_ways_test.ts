import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { generateProblems } from "../../lib/data/generator.ts";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { sft } from "../../lib/stages/sft.ts";
import { chatPrompt } from "../../lib/text/chat_prompt.ts";

const python = Deno.env.get("SHOWWORK_PEFT_PYTHON");
const embedded = join(import.meta.dirname!, "../../data/models/tiny-gemma");

const logitsOf = (model: CausalLM, rows: number[][]) =>
  rows.map((row) => {
    const logits = model.logits([row]), values = [...logits.dataSync()];
    logits.dispose();
    return values;
  });

const largest = (a: number[][], b: number[][]) => {
  assert.deepEqual(a.map(({ length }) => length), b.map(({ length }) => length));
  return a.reduce(
    (most, row, i) => row.reduce((most, value, j) => Math.max(most, Math.abs(value - b[i][j])), most),
    0,
  );
};

Deno.test({
  name:
    "an adapter trained here gives the same logits in peft, and peft's the same here (SHOWWORK_PEFT_PYTHON names a Python with peft)",
  ignore: !python,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await startEngine({ threads: 2 });
    const before = tf.memory().numTensors, root = await Deno.makeTempDir();
    const [ours, theirs] = ["ours", "theirs"].map((name) => join(root, name));
    const model = await loadModel({
      path: embedded,
      lora: {
        rank: 6,
        alpha: 9,
        dropout: 0.1,
        rankStabilized: true,
        targets: ".*layers\\.[1-3]\\..*",
        exclude: ["gate_proj", "layers.2.self_attn.v_proj"],
        rankPattern: { down_proj: 2, "layers.3.self_attn.*": 4 },
        alphaPattern: { up_proj: 3 },
      },
    });
    const problems = generateProblems({ count: 64, seed: 6 });
    await sft(model, problems, { steps: 30, batchSize: 8, learningRate: 1e-2 });
    const rows = problems.slice(0, 6).map(({ question }) =>
      model.tokenizer.encode(chatPrompt(model.tokenizer, question), { bos: false })
    );
    const trained = logitsOf(model, rows);
    await model.saveAdapter(ours);
    model.useAdapter(null);
    const moved = largest(logitsOf(model, rows), trained);
    assert.ok(moved > 1, `training moved no logit by more than ${moved}`);

    const inputs = join(root, "inputs.json");
    await Deno.writeTextFile(inputs, JSON.stringify(rows));
    const script = join(import.meta.dirname!, "../fixtures/peft_both_ways.py");
    const { success, stdout, stderr } = await new Deno.Command(python!, {
      args: [script, embedded, ours, theirs, inputs],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const found: Record<"ours" | "theirs" | "merged", number[][]> = JSON.parse(
      new TextDecoder().decode(stdout).trim().split("\n").at(-1)!,
    );
    await model.loadAdapter(theirs, { name: "theirs" });
    const loaded = logitsOf(model, rows);
    // saved again by us, and loaded: peft's settings survive
    const again = join(root, "again");
    await model.saveAdapter(again);
    await model.loadAdapter(again, { name: "again" });
    assert.equal(largest(logitsOf(model, rows), loaded), 0);
    const difference = {
      "trained here, in peft": largest(found.ours, trained),
      "trained here, merged by peft": largest(found.merged, trained),
      "peft's, here": largest(found.theirs, loaded),
    };
    console.log(
      "largest |Δ logit|:",
      JSON.stringify(difference),
      `training moved logits by up to ${moved.toFixed(1)}`,
    );
    for (const [name, value] of Object.entries(difference)) assert.ok(value < 1e-4, `${name}: ${value}`);
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
    await Deno.remove(root, { recursive: true });
  },
});
