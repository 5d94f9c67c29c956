/** R2's three stages agree on what an answer is. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { generateProblems } from "../../lib/data/generator.ts";
import { loadConfig } from "../../lib/config/load_config.ts";
import { responseFormatOf } from "../../lib/formats/response_format_of.ts";
import type { Completion } from "../../lib/models/causal_lm.ts";
import { compositeReward } from "../../lib/rewards/composite.ts";
import { demonstrations } from "../../lib/stages/demonstrations.ts";
import { judgeCompletion } from "../../lib/stages/judge_completion.ts";
import { loadTokenizer } from "../../lib/text/tokenizer.ts";

Deno.test("under r2.yaml SFT teaches graphs, the reward executes them and evaluation judges them", async () => {
  const root = join(import.meta.dirname!, "../..");
  const config = await loadConfig(join(root, "data/configs/r2.yaml"));
  const tokenizer = await loadTokenizer(join(root, "data/models/tiny-gemma"));
  assert.deepEqual([config.sft.format, config.grpo.format, config.evaluate.format], [
    "graph",
    "graph",
    "graph",
  ]);
  const problems = generateProblems({ count: 40, seed: 9 }),
    format = responseFormatOf(config.evaluate.format);
  const { examples, leftOut } = demonstrations(tokenizer, problems, { ...config.sft, maxLength: 4096 });
  assert.deepEqual([examples.length, leftOut], [40, {}]);
  const reward = compositeReward(config.reward);
  for (const [i, [{ completion: tokens }]] of examples.entries()) {
    const problem = problems[i], text = tokenizer.decode(tokens, { skipSpecial: true });
    const sample = { prompt: "", completion: text, problem, format, step: 0, steps: 1, phase: "easy" };
    assert.equal((await reward.score([sample]))[0].total, 1);
    const completion = {
      text,
      tokens,
      pieces: [text],
      logprobs: [-0.1],
      truncated: false,
    } as unknown as Completion;
    const right = await judgeCompletion({ problem, completion, sample: 0 }, { format });
    assert.deepEqual([right?.correct, right?.wellFormed], [true, true]);
    const other = { ...problem, answer: `${Number(problem.answer) + 1}` };
    const wrong = await judgeCompletion({ problem: other, completion, sample: 0 }, { format });
    assert.equal(wrong?.correct, false);
    assert.notEqual(wrong?.failure, "malformed");
  }
});
