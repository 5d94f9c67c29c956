import assert from "node:assert/strict";
import { formatNumber } from "../../lib/display/format_number.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { parseOptions } from "../../lib/options/parse_options.ts";
import { findingsAhead, worstAhead } from "../../lib/stages/findings_ahead.ts";
import { grpoSchema } from "../../lib/stages/grpo_schema.ts";
import { tinyModel } from "../training/tiny_model.ts";

await useBackend({ backend: "cpu", threads: 1 });

Deno.test({
  name:
    "findingsAhead() finds a template that drops the system prompt; the worst of several is a problem before a warning",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const { decoder } = tinyModel(),
      prompts = [{ text: "2 + 2", ids: [1, 2, 3] }],
      trained = decoder.parameters().reduce((sum, { variable }) => sum + variable.size, 0);
    const config = (options: object) => parseOptions(grpoSchema, { maxTokens: 8, ...options }, "grpo");
    const fine = await findingsAhead(decoder, prompts, config({}));
    assert.deepEqual(fine.map(({ what, level }) => [what, level]), [
      ["chat template", "ok"],
      ["one sequence", "ok"],
      ["disk", "ok"],
    ]);
    assert.equal(await worstAhead(decoder, prompts, config({})), null);
    // weights and two moments, and the reference where there is a KL; three checkpoints at once
    const disk = async (beta: number) => {
      const [, , { found }] = await findingsAhead(
        decoder,
        prompts,
        config({ beta }),
      );
      return found.split(" for ")[0];
    };
    assert.equal(await disk(0), `${formatNumber(36 * trained / 1e6)} MB`);
    assert.equal(await disk(0.1), `${formatNumber(48 * trained / 1e6)} MB`);

    assert.deepEqual(await worstAhead(decoder, prompts, config({ systemPrompt: "Be brief." })), {
      level: "problem",
      text:
        "Before the first step: chat template: the system prompt is not in the text that the model sees. Put it into the question, or " +
        "take a model whose template knows system prompts",
    });
  },
});
