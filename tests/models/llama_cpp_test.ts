/**
 * GGUF files that `save` and `saveAdapter` write, held to Python's gguf reader and to llama.cpp. Opt-in: SHOWWORK_LLAMA_PYTHON is a Python with
 * `pip install xllamacpp gguf` (tried with xllamacpp 2026.10.11549), and `deno task fetch smollm2` brings the model.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { fetchableModels } from "../../lib/tasks/fetchable_models.ts";
import { chatPrompt } from "../../lib/text/chat_prompt.ts";
import { GgufFile } from "../../lib/weights/gguf_file.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { drawAdapter } from "./draw_adapter.ts";

const path = join(import.meta.dirname!, "../../data/models/smollm2", fetchableModels.smollm2.file);
const script = join(import.meta.dirname!, "../fixtures/llama_cpp_greedy.py");
const python = Deno.env.get("SHOWWORK_LLAMA_PYTHON");
const isThere = await Deno.stat(path).then(({ isFile }) => isFile, () => false);

const count = 16;
const questions = [
  "What is 3 + 4?",
  "Name the capital of France.",
  "A farmer has 10 sheep and buys 3 more. How many are there?",
];

interface Answer {
  files: Record<string, Record<string, [type: string, numbers: number, sum: number, largest: number]>>;
  runs: string[][];
}

async function ask(question: Record<string, unknown>): Promise<Answer> {
  const child = new Deno.Command(python!, {
    args: [script],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(question)));
  await writer.close();
  const { stdout, stderr } = await child.output(),
    text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.ok(stdout.length, text(stderr).slice(-2000));
  return JSON.parse(text(stdout));
}

/** Each tensor as the reader under test has it. */
async function tensorsOf(file: string) {
  const open = await GgufFile.open(file), found: Answer["files"][string] = {};
  for (const [name, { dtype }] of open.tensors) {
    let numbers = 0, sum = 0, largest = 0;
    for await (const { values } of open.pieces(name)) {
      numbers += values.length;
      for (const value of values) {
        sum += value;
        largest = Math.max(largest, Math.abs(value));
      }
    }
    found[name] = [dtype, numbers, sum, largest];
  }
  open.close();
  return found;
}

async function greedy(model: CausalLM, prompts: number[][]): Promise<number[][]> {
  const completions = await model.generate(prompts, { maxTokens: count, temperature: 0 });
  return completions.map(({ tokens }) => tokens.filter((id) => !model.tokenizer.isSpecial(id)));
}

/**
 * Holds llama.cpp's texts to our tokens. It rounds activations to 16 or 8 bits, so that two tokens of nearly the same logit may change
 * places: what follows such a tie, of at most `gap`, is not compared.
 */
function hold(model: CausalLM, prompts: number[][], own: number[][], texts: string[], gap: number): number {
  let ties = 0;
  for (const [i, text] of texts.entries()) {
    const theirs = model.tokenizer.encode(text, { bos: false });
    const at = own[i].findIndex((id, j) => id !== theirs[j]);
    if (at < 0) {
      assert.equal(text, model.tokenizer.decode(own[i]));
      continue;
    }
    const logits = model.logits([[...prompts[i], ...own[i].slice(0, at)]]);
    const last = logits.dataSync().subarray(-model.config.vocabSize),
      apart = last[own[i][at]] - last[theirs[at]];
    logits.dispose();
    assert.ok(
      apart <= gap,
      `${questions[i]}: ${text}, at ${at} ${apart} below ${model.tokenizer.decode(own[i])}`,
    );
    ties++;
  }
  return ties;
}

const title =
  "llama.cpp and Python's gguf reader run the GGUF files that are written as showwork does: F16, Q8_0, adapter";
if (!python || !isThere) {
  const why = python
    ? "the model is not there: deno task fetch smollm2 brings it"
    : "SHOWWORK_LLAMA_PYTHON is not set";
  Deno.test.ignore(`${title} (skipped: ${why})`, () => {});
} else {
  testOnCpu(title, async () => {
    await startEngine();
    const folder = await Deno.makeTempDir(), file = (name: string) => join(folder, `${name}.gguf`);
    try {
      const model = await loadModel(path);
      const prompts = questions.map((question) =>
        model.tokenizer.encode(chatPrompt(model.tokenizer, question), { bos: false })
      );
      await model.save(file("base"), { dtype: "F16" });
      const base = await greedy(model, prompts), untaught = await loadModel(path);
      model.addLora({ rank: 4, alpha: 8, targets: ["q_proj", "v_proj", "down_proj"] });
      drawAdapter(model.decoder, 0.02);
      const taught = await greedy(model, prompts);
      assert.notDeepEqual(taught, base, "the adapter changes nothing, so equality would say nothing");
      await model.saveAdapter(file("adapter"));
      await model.save(file("F16"), { dtype: "F16" });
      await model.save(file("Q8_0"), { dtype: "Q8_0" });
      const names = ["base", "F16", "Q8_0", "adapter"].map(file);
      const { files, runs } = await ask({
        files: names,
        runs: [
          { model: file("base") },
          { model: file("F16") },
          { model: file("base"), adapter: file("adapter") },
          { model: file("Q8_0") },
        ],
        prompts,
        count,
      });
      for (const name of names) {
        const own = await tensorsOf(name);
        assert.deepEqual(Object.keys(files[name]).sort(), Object.keys(own).sort());
        for (const [tensor, [type, numbers, sum, largest]] of Object.entries(files[name])) {
          const [dtype, length, total, most] = own[tensor];
          assert.deepEqual([type, numbers, largest], [dtype, length, most], tensor);
          assert.ok(Math.abs(sum - total) <= 1e-6 * numbers * largest, `${tensor}: ${sum}, ${total}`);
        }
      }
      const eight = await loadModel(file("Q8_0"));
      const ties = [
        hold(untaught, prompts, base, runs[0], 0.1),
        hold(model, prompts, taught, runs[1], 0.1),
        hold(model, prompts, taught, runs[2], 0.1),
        hold(eight, prompts, await greedy(eight, prompts), runs[3], 0.3),
      ];
      console.log(
        `  ties of ${questions.length}: base ${ties[0]}, F16 ${ties[1]}, adapter ${ties[2]}, Q8_0 ${ties[3]}`,
      );
      assert.ok(ties.every((found) => found < questions.length), "nothing was compared to its end");
      for (const each of [model, untaught, eight]) each.dispose();
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
