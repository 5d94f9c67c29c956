import assert from "node:assert/strict";
import { join } from "node:path";
import { generateProblems } from "../../lib/data/generator.ts";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { preflight, type PreflightFinding } from "../../lib/lab/preflight.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { compositeReward } from "../../lib/rewards/composite.ts";
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
    model.dispose();
  },
);
