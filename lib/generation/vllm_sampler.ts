import { join, resolve } from "node:path";
import { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { pcg } from "../random/counter_random.ts";
import type { Completion } from "./complete.ts";
import { CompletionText } from "./completion_text.ts";
import type { SampledPolicy, Sampler, SamplerOptions } from "./sampler.ts";
import type { VllmSamplerOptions } from "./vllm_sampler_options.ts";
import { vllmSamplerSchema } from "./vllm_sampler_schema.ts";
import { PassingFault, SamplerError, SamplingServer } from "./sampling_server.ts";

const choiceSchema = z.looseObject({
  index: z.int().min(0).optional(),
  token_ids: z.array(z.int().min(0)).min(1, "no token was drawn"),
  logprobs: z.looseObject({ token_logprobs: z.array(z.number()) }),
  finish_reason: z.string().nullable(),
});
const replySchema = z.looseObject({ choices: z.array(choiceSchema) });

/** A completion out of one of the server's, or what is wrong with it. */
function readChoice(
  { token_ids: tokens, logprobs: { token_logprobs: logprobs }, finish_reason: reason }: z.output<
    typeof choiceSchema
  >,
  prompt: number,
  { tokenizer, decoder: { config: { vocabSize } } }: SampledPolicy,
): Completion | string {
  const bad = tokens.find((id) => id >= vocabSize), wrong = logprobs.find((value) => !(value <= 1e-3));
  if (bad !== undefined) {
    return `token ${bad} is beyond the vocabulary of ${vocabSize}; does the server have the same base model?`;
  }
  if (wrong !== undefined) return `${wrong} is no log-probability`;
  if (logprobs.length !== tokens.length) {
    return `${tokens.length} tokens have ${logprobs.length} log-probabilities`;
  }
  const text = new CompletionText(tokenizer);
  for (const id of tokens) text.push(id);
  text.end();
  const ended = reason === "length" ? "limit" : "end";
  return {
    prompt,
    text: text.text,
    tokens,
    pieces: text.pieces,
    logprobs,
    ended,
    truncated: ended === "limit",
  };
}

/**
 * Draws completions on a vLLM server beside the trainer (`vllm serve BASE --enable-lora --max-lora-rank R --logprobs-mode processed_logprobs` with
 * `VLLM_ALLOW_RUNTIME_LORA_UPDATING=True`). Whenever the policy has changed, its adapter is written under a fresh name and loaded, and the one before is
 * unloaded (never `load_inplace`, vllm#41482). Prompts go as token ids, and exact ids and log-probabilities come back.
 *
 * The server's log-probabilities are not the trainer's to the last bit, and in 16 bits far from it: give `grpo` an `importanceCorrection`.
 *
 * @throws {ConfigError} for wrong options
 * @example
 * ```ts ignore
 * import { compositeReward, grpo, loadDataset, loadModel, vllmSampler } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma", { lora: { rank: 16 } }), reward = compositeReward();
 * const data = await loadDataset({ train: [{ source: "generator", count: 100 }] });
 * const sampler = vllmSampler({ baseURL: "http://localhost:8000", adapterDir: "/shared/adapters" });
 * const run = await grpo(model, data.train, { reward, sampler });
 * ```
 */
export function vllmSampler(options: VllmSamplerOptions): Sampler {
  const { adapterDir, ...rest } = parseOptions(vllmSamplerSchema, options, "vllmSampler()"),
    server = new SamplingServer(rest);
  let loaded: { name: string; version: string } | null = null;

  /** Brings the server's copy of the policy up to date. */
  async function load(policy: SampledPolicy, version: string, signal?: AbortSignal): Promise<string> {
    if (loaded?.version === version) return loaded.name;
    if (policy.adapter === null) {
      throw new SamplerError(
        "sampling on a vLLM server: the model must have an adapter, which is what travels there; call addLora() first",
      );
    }
    const name = `showwork-${version}`, path = resolve(join(adapterDir, name)), before = loaded;
    await policy.saveAdapter(path, { verify: false }); // of every step, and read by the server at once
    await server.insist(
      "/v1/load_lora_adapter",
      { lora_name: name, lora_path: path },
      (response) => response.text(),
      signal,
    );
    loaded = { name, version };
    if (before) {
      // what is left behind costs the server memory and this run nothing
      await server.ask("/v1/unload_lora_adapter", { lora_name: before.name }, signal).then((response) =>
        response.body?.cancel()
      ).catch(() => {});
      await Deno.remove(join(adapterDir, before.name), { recursive: true }).catch(() => {});
    }
    return name;
  }

  async function completions(
    policy: SampledPolicy,
    model: string,
    prompt: number,
    ids: number[],
    given: SamplerOptions,
  ): Promise<Completion[]> {
    const { maxTokens = 128, temperature = 1, topK = 0, topP = 1, minP = 0, n = 1, seed = 0, signal } = given;
    const { eosIds } = policy.decoder.config;
    const body = {
      model,
      prompt: ids,
      n,
      max_tokens: maxTokens,
      temperature,
      top_p: topP,
      top_k: topK === 0 ? -1 : topK,
      min_p: minP,
      seed: (given.seeds?.[prompt] ?? pcg(seed ^ pcg(prompt))) & 0x7fffffff,
      logprobs: 0,
      return_token_ids: true,
      stop_token_ids: [...eosIds],
      skip_special_tokens: false,
    };
    const choices = await server.insist("/v1/completions", body, async (response) => {
      const result = replySchema.safeParse(
        await response.json().catch((error) => {
          throw new PassingFault(`its answer broke off (${error.message})`);
        }),
      );
      if (result.success) return result.data.choices;
      const [{ path, message }] = result.error.issues;
      throw new SamplerError(
        `reading what ${server.root}/v1/completions answered: ${
          path.join(".")
        }: ${message}; it needs vLLM 0.11 or later (return_token_ids), and --logprobs-mode processed_logprobs`,
      );
    }, signal);
    if (choices.length !== n) {
      throw new SamplerError(
        `reading what ${server.root}/v1/completions answered: ${n} completions were asked for, it gave ${choices.length}`,
      );
    }
    return choices.map((choice) => {
      const completion = readChoice(choice, prompt, policy);
      if (typeof completion !== "string") return completion;
      throw new SamplerError(`reading what ${server.root}/v1/completions answered: ${completion}`);
    });
  }

  return {
    name: `vLLM at ${server.root}`,
    foreign: true,
    async sample(policy, prompts, given) {
      const model = await load(policy, given.version, given.signal);
      return (await Promise.all(prompts.map((ids, prompt) => completions(policy, model, prompt, ids, given))))
        .flat();
    },
  };
}
