import { join, resolve } from "node:path";
import { z } from "zod";
import { PlainError } from "../display/plain_error.ts";
import { parseOptions } from "../options/parse_options.ts";
import { pcg } from "../random/counter_random.ts";
import type { Completion } from "./complete.ts";
import { CompletionText } from "./completion_text.ts";
import type { SampledPolicy, Sampler, SamplerOptions } from "./sampler.ts";

/** A sampling server could not be asked, or answered what cannot be used. The run's state before the step is whole: it can be resumed. */
export class SamplerError extends PlainError {
  override name = "SamplerError";
}

const schema = z.strictObject({
  baseURL: z.url().describe("The server, such as http://localhost:8000."),
  adapterDir: z.string().min(1).describe(
    "A folder that this machine and the server both see: each step's adapter is written there.",
  ),
  timeoutMs: z.int().min(1).default(600_000).describe("Longest wait for one answer. Default 600000."),
  retries: z.int().min(0).default(4).describe("Further attempts after a fault that may pass. Default 4."),
  apiKeyEnv: z.string().min(1).nullable().default("VLLM_API_KEY").describe(
    "Environment variable that holds the key. Default VLLM_API_KEY.",
  ),
});

/** Options of {@linkcode vllmSampler}. */
export type VllmSamplerOptions = z.input<typeof schema>;

const choiceSchema = z.looseObject({
  index: z.int().min(0).optional(),
  token_ids: z.array(z.int().min(0)).min(1, "no token was drawn"),
  logprobs: z.looseObject({ token_logprobs: z.array(z.number()) }),
  finish_reason: z.string().nullable(),
});
const replySchema = z.looseObject({ choices: z.array(choiceSchema) });

/** A fault that another attempt may not have. */
class Passing extends Error {}

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
 * const sampler = vllmSampler({ baseURL: "http://localhost:8000", adapterDir: "/shared/adapters" });
 * const run = await grpo(model, data.train, { reward, sampler });
 * ```
 */
export function vllmSampler(options: VllmSamplerOptions): Sampler {
  const { baseURL, adapterDir, timeoutMs, retries, apiKeyEnv } = parseOptions(
    schema,
    options,
    "vllmSampler()",
  );
  const root = baseURL.replace(/\/+(v1\/?)?$/, "");
  let loaded: { name: string; version: string } | null = null;

  /** Asks once. */
  async function ask(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    const key = apiKeyEnv && Deno.env.get(apiKeyEnv), limit = AbortSignal.timeout(timeoutMs);
    let response: Response;
    try {
      response = await fetch(`${root}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) },
        body: JSON.stringify(body),
        signal: signal ? AbortSignal.any([limit, signal]) : limit,
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new Passing(limit.aborted ? `no answer within ${timeoutMs} ms` : (error as Error).message);
    }
    if (response.ok) return response;
    const text = (await response.text()).slice(0, 500);
    const said = `status ${response.status}: ${text}`;
    if ([408, 409, 425, 429].includes(response.status) || response.status >= 500) throw new Passing(said);
    throw new SamplerError(`asking ${root}${path}: ${said}`);
  }

  /** Asks until it answers, waiting longer each time. */
  async function insist<T>(
    path: string,
    body: unknown,
    read: (response: Response) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    for (let attempt = 0;; attempt++) {
      try {
        return await read(await ask(path, body, signal));
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof SamplerError) throw error;
        if (attempt === retries) {
          throw new SamplerError(
            `asking ${root}${path}: the server must answer, and after ${attempt + 1} attempts ${
              (error as Error).message
            }; see that it runs, then resume the run`,
          );
        }
        await new Promise((done) => setTimeout(done, 250 * 2 ** attempt));
      }
    }
  }

  /** Brings the server's copy of the policy up to date. */
  async function load(policy: SampledPolicy, version: string, signal?: AbortSignal): Promise<string> {
    if (loaded?.version === version) return loaded.name;
    if (policy.adapter === null) {
      throw new SamplerError(
        "sampling on a vLLM server: the model must have an adapter, which is what travels there; call addLora() first",
      );
    }
    const name = `showwork-${version}`, path = resolve(join(adapterDir, name)), before = loaded;
    await policy.saveAdapter(path);
    await insist(
      "/v1/load_lora_adapter",
      { lora_name: name, lora_path: path },
      (response) => response.text(),
      signal,
    );
    loaded = { name, version };
    if (before) {
      // what is left behind costs the server memory and this run nothing
      await ask("/v1/unload_lora_adapter", { lora_name: before.name }, signal).then((response) =>
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
    const { eosIds, vocabSize } = policy.decoder.config;
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
    const choices = await insist("/v1/completions", body, async (response) => {
      const result = replySchema.safeParse(
        await response.json().catch((error) => {
          throw new Passing(`its answer broke off (${error.message})`);
        }),
      );
      if (result.success) return result.data.choices;
      const [{ path, message }] = result.error.issues;
      throw new SamplerError(
        `reading what ${root}/v1/completions answered: ${
          path.join(".")
        }: ${message}; it needs vLLM 0.11 or later (return_token_ids), and --logprobs-mode processed_logprobs`,
      );
    }, signal);
    if (choices.length !== n) {
      throw new SamplerError(
        `reading what ${root}/v1/completions answered: ${n} completions were asked for, it gave ${choices.length}`,
      );
    }
    return choices.map(
      ({ token_ids: tokens, logprobs: { token_logprobs: logprobs }, finish_reason: reason }) => {
        const bad = tokens.find((id) => id >= vocabSize), wrong = logprobs.find((value) => !(value <= 1e-3));
        if (bad !== undefined || wrong !== undefined || logprobs.length !== tokens.length) {
          throw new SamplerError(
            `reading what ${root}/v1/completions answered: ${
              bad !== undefined
                ? `token ${bad} is beyond the vocabulary of ${vocabSize}; does the server have the same base model?`
                : wrong !== undefined
                ? `${wrong} is no log-probability`
                : `${tokens.length} tokens have ${logprobs.length} log-probabilities`
            }`,
          );
        }
        const text = new CompletionText(policy.tokenizer);
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
      },
    );
  }

  return {
    name: `vLLM at ${root}`,
    foreign: true,
    async sample(policy, prompts, given) {
      const model = await load(policy, given.version, given.signal);
      return (await Promise.all(prompts.map((ids, prompt) => completions(policy, model, prompt, ids, given))))
        .flat();
    },
  };
}
