import { createHash } from "node:crypto";
import type { Decoder } from "../models/decoder.ts";
import type { TokenSequence } from "./token_batch.ts";
import type { Problem } from "../data/problem.ts";

/** Some things in order, told apart by a hash. */
export interface Fingerprint {
  /** How many. */
  count: number;
  /** Hash of all, in order. */
  sha256: string;
}

/** What a run began with and goes on with: plain data for its checkpoints. */
export interface RunOrigin {
  /** The problems as they were given. */
  problems: Fingerprint;
  /** The problems as the model sees them: prompts, and demonstrations where there are any. */
  sequences: Fingerprint;
  /** The adapter that is trained; `null` where all weights are. */
  adapter: { modules: Record<string, { rank: number; scale: number; dropout: number }> } | null;
  /** A few weights of the frozen base, by name; `null` where all weights are trained and so stand in the checkpoint. */
  base: Record<string, number[]> | null;
}

function fingerprint(parts: readonly unknown[]): Fingerprint {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(JSON.stringify(part)).update("\n");
  return { count: parts.length, sha256: hash.digest("hex") };
}

/** Numbers of each sampled weight. */
const samples = 16;

/** Takes down what a run begins with. */
export async function runOrigin(
  decoder: Decoder,
  problems: readonly Problem[],
  sequences: readonly (Pick<TokenSequence, "prompt"> & Partial<TokenSequence>)[],
): Promise<RunOrigin> {
  const modules = [...decoder.lora].map(([module, { a, scale, dropout = 0 }]) =>
    [module, { rank: a.shape[0], scale, dropout }] as const
  );
  const base: Record<string, number[]> = {};
  if (!decoder.trainBase) {
    const last = decoder.config.layers - 1;
    for (
      const name of ["model.layers.0.self_attn.q_proj.weight", `model.layers.${last}.mlp.down_proj.weight`]
    ) {
      const values = await decoder.values(name), stride = Math.max(1, Math.floor(values.length / samples));
      base[name] = Array.from({ length: samples }, (_, i) => values[Math.min(values.length - 1, i * stride)]);
    }
  }
  return {
    problems: fingerprint(
      problems.map(({ id, question, answer, reasoning, difficulty, domain, graph }) => [
        id,
        question,
        answer,
        reasoning,
        difficulty,
        domain,
        graph,
      ]),
    ),
    sequences: fingerprint(sequences.map(({ prompt, completion }) => [prompt, completion])),
    adapter: decoder.trainBase ? null : { modules: Object.fromEntries(modules) },
    base: decoder.trainBase ? null : base,
  };
}

const same = (a: Fingerprint, b: Fingerprint) => a.count === b.count && a.sha256 === b.sha256;

/**
 * What of a run's beginning is not as it was, in words; `null` when all is. A frozen base may be kept in fewer bits than it was, so its weights are
 * compared to that precision.
 */
export function originMismatch(before: RunOrigin, now: RunOrigin): string | null {
  const { adapter: was } = before, { adapter: is } = now;
  if (!was !== !is) {
    return `the run trains ${was ? "an adapter" : "all weights"}, and here ${
      is ? "an adapter" : "all weights"
    } would be trained; ${was ? "add the adapter" : "load the model without an adapter"}`;
  }
  if (was && is) {
    for (const module of new Set([...Object.keys(was.modules), ...Object.keys(is.modules)])) {
      const then = was.modules[module], here = is.modules[module];
      if (!here) {
        return `the run's adapter is on ${module} too, the model's is not; add it with the same \`targets\``;
      }
      if (!then) {
        return `the model's adapter is on ${module} too, the run's is not; add it with the same \`targets\``;
      }
      for (
        const [key, name] of [["rank", "rank"], ["scale", "scale (α/rank)"], ["dropout", "dropout"]] as const
      ) {
        if (Math.abs(then[key] - here[key]) > 1e-6 * Math.abs(then[key])) {
          return `the run's adapter has ${name} ${then[key]} on ${module}, the model's has ${
            here[key]
          }; add it with the same options`;
        }
      }
    }
  }
  if (!same(before.problems, now.problems)) {
    const { count } = before.problems;
    return `the run began with ${count} problems, these are ${now.problems.count}${
      count === now.problems.count ? " others, or in another order" : ""
    }`;
  }
  if (!same(before.sequences, now.sequences)) {
    const { count } = before.sequences;
    return `the run's ${count} problems came to the model as other tokens than these ${now.sequences.count}: another tokenizer, ` +
      "system prompt, length or kind of demonstration";
  }
  for (const [name, values] of Object.entries(before.base ?? {})) {
    const here = now.base?.[name], most = Math.max(...values.map(Math.abs));
    if (!here || values.some((value, i) => Math.abs(value - here[i]) > 0.15 * most)) {
      return `the base has other weights in ${name} than the one that the run's adapter was trained on`;
    }
  }
  return null;
}
