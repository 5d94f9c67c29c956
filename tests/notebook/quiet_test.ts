import assert from "node:assert/strict";

const mod = new URL("../../mod.ts", import.meta.url).href;
const tiny = new URL("../training/tiny_model.ts", import.meta.url).href;

/** What a script prints that trains, evaluates and loads a model. */
async function printed(before: string, env: Record<string, string> = {}): Promise<string> {
  const source = `import { evaluate, loadModel, quiet, sft } from ${JSON.stringify(mod)};
    import { problems, tinyModel } from ${JSON.stringify(tiny)};
    ${before}
    (await loadModel("tiny-gemma")).dispose();
    const model = tinyModel(), run = await sft(model, problems, { steps: 2, batchSize: 2 });
    await evaluate(model, problems.slice(0, 2), { maxTokens: 4 });
    if (run.steps.length !== 2) console.log("not trained");`;
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", source],
    env: { NO_COLOR: "1", ...env },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  assert.ok(success, text);
  // the software WebGPU driver's own complaint
  return text.replace(/^.*XDG_RUNTIME_DIR.*\n/gm, "");
}

Deno.test("a script is silent after quiet(), and where SHOWWORK_QUIET is 1", async () => {
  assert.equal(await printed("quiet();"), "");
  assert.equal(await printed("", { SHOWWORK_QUIET: "1" }), "");
});

Deno.test("a script shows its work where nothing was said, and after quiet(false)", async () => {
  const text = await printed("quiet(false);", { SHOWWORK_QUIET: "1" });
  assert.match(text, /Nobody had chosen a backend/);
  assert.match(text, /SFT/);
});
