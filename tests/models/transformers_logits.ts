import assert from "node:assert/strict";
import { join } from "node:path";
import type { CausalLM } from "../../lib/models/causal_lm.ts";

/** What transformers makes of a directory. */
export interface TransformersAnswer {
  /** That opened it. */
  class: string;
  /** Weights that it missed, or did not expect. */
  problems: string[];
  /** A row an input, [tokens, vocabulary] flattened. */
  logits: number[][];
}

/** The logits that transformers computes from directories of models, in float32. `python` has torch and transformers. */
export async function transformersLogits(
  directories: string[],
  { python, inputs }: { python: string; inputs: number[][] },
): Promise<TransformersAnswer[]> {
  const child = new Deno.Command(python, {
    args: [join(import.meta.dirname!, "../fixtures/transformers_logits.py"), ...directories],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(inputs)));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr).slice(-4000));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The same of a model's weights as they are now, dequantised. */
export async function logitsByTransformers(
  model: CausalLM,
  options: { python: string; inputs: number[][] },
): Promise<number[][]> {
  const directory = await Deno.makeTempDir();
  try {
    await model.save(directory, { verify: false });
    const [{ problems, logits }] = await transformersLogits([directory], options);
    assert.deepEqual(problems, []);
    return logits;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
