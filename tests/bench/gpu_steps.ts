import { generate } from "../../lib/generation/generate.ts";
import type { Decoder } from "../../lib/models/decoder.ts";
import { backward, disposeGradients } from "../../lib/training/backward.ts";
import { TokenBatch } from "../../lib/training/token_batch.ts";

/** Median seconds of a GRPO step's parts: completions of one prompt, and both passes over them with advantages of ±1. */
export async function grpoStep(
  decoder: Decoder,
  { prompt, completions, tokens }: { prompt: number; completions: number; tokens: number },
  times: number,
): Promise<{ sampling: number; training: number }> {
  const ids = Array.from({ length: prompt }, (_, i) => 3 + i * 7 % 400), taken: number[][] = [];
  for (let turn = 0; turn <= times; turn++) {
    const begun = performance.now();
    const drawn = await generate(decoder, [ids], {
      n: completions,
      maxTokens: tokens,
      seed: turn,
      eosIds: [],
    });
    const sampled = performance.now();
    const batch = new TokenBatch(drawn.map(({ tokens }) => ({ prompt: ids, completion: tokens })));
    const { values, gradients } = await backward(decoder, batch, ({ logprobs }) => ({
      loss: 0,
      gradient: logprobs.map((_, i) => (Math.floor(i / tokens) % 2 ? 1 : -1) / logprobs.length),
    }));
    await Promise.all(Object.values(gradients).slice(-1).map((gradient) => gradient.data()));
    if (!values.logprobs.every(Number.isFinite)) throw new Error("log-probabilities are no numbers");
    disposeGradients(gradients);
    batch.dispose();
    taken.push([sampled - begun, performance.now() - sampled]);
  }
  const median = (part: number) =>
    taken.slice(1).map((one) => one[part] / 1000).sort((a, b) => a - b)[times >> 1];
  return { sampling: median(0), training: median(1) };
}
