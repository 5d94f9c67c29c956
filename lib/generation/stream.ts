import { complete, type CompletionChunk, type GenerateOptions, type SampledModel } from "./complete.ts";

/**
 * Completions as they come. Leaving the loop ends the sampling. The body of `CausalLM.stream`.
 */
export async function* stream(
  model: SampledModel,
  prompts: readonly string[] | readonly number[][],
  { signal, onText, ...options }: GenerateOptions,
): AsyncGenerator<CompletionChunk, void> {
  const left = new AbortController(), chunks: CompletionChunk[] = [];
  let wake = () => {}, over = false, failure: { error: unknown } | undefined;
  const work = complete(model, prompts, {
    ...options,
    signal: signal ? AbortSignal.any([signal, left.signal]) : left.signal,
    onText(chunk) {
      onText?.(chunk);
      chunks.push(chunk);
      wake();
    },
  }).then(() => {}, (error) => {
    failure = { error };
  }).finally(() => {
    over = true;
    wake();
  });
  try {
    while (true) {
      for (let chunk = chunks.shift(); chunk; chunk = chunks.shift()) yield chunk;
      if (over) break;
      await new Promise<void>((done) => wake = done);
    }
    if (failure) throw failure.error;
  } finally {
    left.abort();
    await work;
  }
}
