import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { CausalLM } from "../../lib/models/causal_lm.ts";
import type { Decoder } from "../../lib/models/decoder.ts";
import type { Tokenizer } from "../../lib/text/tokenizer.ts";
import { checkpoints, loadCheckpoint, readJson } from "./load_checkpoint.ts";

interface Expected {
  inputs: number[][];
  logits: number[][];
}

const model = (decoder: Decoder, source: string) =>
  new CausalLM({ decoder, tokenizer: {} as Tokenizer, source, directory: null });

async function logitsOf(decoder: Decoder, inputs: number[][]): Promise<number[][]> {
  const rows = [];
  for (const row of inputs) {
    const logits = decoder.logits([row]);
    rows.push([...await logits.data()]);
    logits.dispose();
  }
  return rows;
}

const largest = (a: number[][], b: number[][]) =>
  Math.max(...a.map((row, i) => {
    assert.equal(row.length, b[i].length);
    return Math.max(...row.map((value, j) => Math.abs(value - b[i][j])));
  }));

// Made by tests/fixtures/make_peft_adapter.py: gemma3 on some layers with α/r, llama on all with α/√r.
for (const name of ["gemma3", "llama"]) {
  const directory = join(checkpoints, name, "adapter");

  Deno.test(`loadAdapter() gives the logits of peft for ${name}`, async () => {
    await tf.setBackend("cpu");
    const { inputs, logits }: Expected = await readJson(join(directory, "expected.json"));
    const decoder = await loadCheckpoint(name, "config.json"), base = await logitsOf(decoder, inputs);
    assert.ok(largest(base, logits) > 0.1, "the adapter changes nothing");
    await model(decoder, name).loadAdapter(directory);
    const worst = largest(await logitsOf(decoder, inputs), logits);
    assert.ok(worst < 1e-4, `the largest difference is ${worst}`);
    decoder.dispose();
  });

  Deno.test(`saveAdapter() and save() of ${name} keep the logits`, async () => {
    await tf.setBackend("cpu");
    const { inputs, logits }: Expected = await readJson(join(directory, "expected.json"));
    // Kept where a person asks for it, to be read by Python: make_peft_adapter.py DIRECTORY
    const kept = Deno.env.get("SHOWWORK_KEEP"), out = kept ? join(kept, name) : await Deno.makeTempDir();
    const decoder = await loadCheckpoint(name, "config.json"),
      first = model(decoder, join(checkpoints, name));
    await first.loadAdapter(directory);
    await first.saveAdapter(join(out, "adapter"), { verify: false });
    await first.save(join(out, "merged"), { verify: false });
    const ours = await logitsOf(decoder, inputs);
    if (kept) {
      for (const [folder, base] of [["adapter", join(checkpoints, name)], ["merged", null]] as const) {
        await Deno.writeTextFile(
          join(out, folder, "logits.json"),
          JSON.stringify({ base, inputs, logits: ours }),
        );
      }
    }

    const again = await loadCheckpoint(name, "config.json");
    await model(again, name).loadAdapter(join(out, "adapter"));
    assert.equal(largest(await logitsOf(again, inputs), ours), 0);
    const merged = await loadCheckpoint(join(out, "merged"), "config.json");
    const worst = largest(await logitsOf(merged, inputs), logits);
    assert.ok(worst < 1e-4, `the merged model differs by ${worst}`);
    for (const one of [decoder, again, merged]) one.dispose();
    if (!kept) await Deno.remove(out, { recursive: true });
  });
}
