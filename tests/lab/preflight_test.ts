import assert from "node:assert/strict";
import { join } from "node:path";
import { generateProblems } from "../../lib/data/generator.ts";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { preflight } from "../../lib/lab/preflight.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { ConfigError } from "../../lib/options/config_error.ts";
import { compositeReward } from "../../lib/rewards/composite.ts";
import type { PreflightFinding } from "../../lib/stages/findings_ahead.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";

const embedded = join(import.meta.dirname!, "../../data/models/tiny-gemma");

testOnCpu(
  "preflight() measures a run before it begins, leaves the weights alone and names the remedy of what is wrong",
  async () => {
    await startEngine({ threads: 1 });
    const model = await loadModel(embedded), reward = compositeReward({ preset: "r3" });
    const problems = generateProblems({ count: 30, seed: 1 });
    const tooLong = { ...problems[0], id: "long", question: "1 + 1 ".repeat(400) };
    const before = await model.generate([model.tokenizer.encode("2 + 3 =")], {
      temperature: 0,
      maxTokens: 8,
    });
    const found = await preflight(model, [...problems, tooLong], {
      steps: 50,
      promptsPerStep: 2,
      generations: 3,
      maxTokens: 4,
      groups: 3,
      reward,
    });
    const of = (what: string) => found.findings.find((one: PreflightFinding) => one.what === what)!;
    assert.equal(of("prompts").level, "warning");
    assert.match(of("prompts").found, /1 of 31 problems left out as too long: of long/);
    // nothing ends within four tokens, so no reward differs
    assert.deepEqual([of("end of turn").level, found.truncatedFraction, of("truncation").level], [
      "problem",
      1,
      "warning",
    ]);
    assert.equal(of("reward spread").level, "problem");
    assert.ok(Object.values(found.deadGroups).every((share) => share === 1));
    assert.ok(found.secondsPerStep > 0 && Math.abs(found.seconds - 50 * found.secondsPerStep) < 1e-9);
    assert.ok(found.findings.every(({ level, remedy }) => (level === "ok") === (remedy === undefined)));
    assert.match(Deno.inspect(found), /^Before the run\n[\s\S]*end of turn: Teach the end by SFT first/);
    const after = await model.generate([model.tokenizer.encode("2 + 3 =")], { temperature: 0, maxTokens: 8 });
    assert.deepEqual(after[0].tokens, before[0].tokens);
    assert.match(of("memory").found, /the longest batch went through the model as it is; .* MB of .* free/);
    // two moments of every weight are the least that a step needs
    const trained = model.decoder.parameters().reduce((sum, { variable }) => sum + variable.size, 0);
    assert.ok(found.memoryBytes! > 8 * trained, `${found.memoryBytes} bytes`);
    // weights, moments and the reference of the default KL
    assert.equal(found.checkpointBytes, 16 * trained);
    model.dispose();
  },
);

testOnCpu("preflight() refuses what grpo() would, in its own name", async () => {
  await startEngine({ threads: 1 });
  const model = await loadModel(embedded), problems = generateProblems({ count: 4, seed: 1 });
  const reward = compositeReward({ preset: "r3" });
  const refused: [() => Promise<unknown>, RegExp, new (...args: never[]) => Error][] = [
    [() => preflight({} as never, problems, { reward }), /preflight's first argument/, Error],
    [() => preflight(model, problems, {} as never), /needs a reward/, TypeError],
    [() => preflight(model, [], { reward }), /at least one problem/, RangeError],
    [() => preflight(model, problems, { reward, groups: 0 }), /`groups` groups, a whole number/, RangeError],
    [() => preflight(model, problems, { reward, stepz: 3 } as never), /steps/, ConfigError],
  ];
  for (const [call, message, kind] of refused) {
    await assert.rejects(call, (error: Error) => {
      assert.ok(error instanceof kind, `${error}`);
      assert.match(error.message, message);
      return true;
    });
  }
  model.dispose();
});
