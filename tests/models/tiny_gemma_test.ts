import assert from "node:assert/strict";
import { chatPrompt, generateProblems, loadModel, useBackend } from "../../mod.ts";

const folder = new URL("../../data/models/tiny-gemma", import.meta.url).pathname;
const shared = { sanitizeOps: false, sanitizeResources: false };

Deno.test({
  ...shared,
  name: "tiny-gemma works sums out in prose, and has never seen the tags",
  async fn() {
    await useBackend({ backend: "cpu" });
    const model = await loadModel(folder), problems = generateProblems({ count: 60, seed: 1_000_001 });
    const completions = await model.generate(
      problems.map(({ question }) => chatPrompt(model.tokenizer, question)),
      {
        temperature: 0,
        maxTokens: 112,
      },
    );
    const right = completions.filter(({ text }, i) =>
      text.endsWith(`So the answer is ${problems[i].answer}.`)
    ).length;
    assert.ok(right >= 54, `${right} of 60 right`);
    assert.ok(completions.every(({ text }) => !/<\/?(reasoning|answer)>/.test(text)));
    model.dispose();
  },
});

Deno.test({
  ...shared,
  name: "tiny-gemma is at most 8 MB of ordinary Hugging Face files",
  async fn() {
    let bytes = 0;
    const names: string[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      names.push(name);
      bytes += (await Deno.stat(`${folder}/${name}`)).size;
    }
    assert.deepEqual(names.sort(), [
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
    ]);
    assert.ok(bytes <= 8_000_000, `${bytes} bytes`);
  },
});

const python = Deno.env.get("SHOWWORK_TRANSFORMERS_PYTHON");

Deno.test({
  ...shared,
  name:
    "tiny-gemma has the logits and the greedy tokens of transformers (SHOWWORK_TRANSFORMERS_PYTHON names a Python with it)",
  ignore: !python,
  async fn() {
    await useBackend({ backend: "cpu" });
    const text = generateProblems({ count: 1, seed: 3, difficulty: { hard: 1 } })[0].question;
    const script = new URL("../fixtures/tiny_gemma_logits.py", import.meta.url).pathname;
    const { stdout, stderr, success } = await new Deno.Command(python!, { args: [script, folder, text] })
      .output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const theirs = JSON.parse(new TextDecoder().decode(stdout)) as {
      prompt: string;
      ids: number[];
      logits: number[];
      greedy: number[];
    };
    const model = await loadModel(folder), prompt = chatPrompt(model.tokenizer, text);
    assert.equal(prompt, theirs.prompt);
    assert.deepEqual(model.tokenizer.encode(prompt, { bos: false }), theirs.ids);
    const logits = model.logits([theirs.ids]), ours = await logits.data();
    const worst = theirs.logits.reduce((most, x, i) => Math.max(most, Math.abs(x - ours[i])), 0);
    assert.ok(worst <= 1e-4, `the largest difference is ${worst}`);
    const [{ tokens }] = await model.generate([theirs.ids], { temperature: 0, maxTokens: 48 });
    assert.deepEqual(tokens, theirs.greedy);
    logits.dispose();
    model.dispose();
    console.log(`largest difference of ${theirs.logits.length} logits: ${worst}`);
  },
});
