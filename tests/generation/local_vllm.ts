import type { CausalLM } from "../../lib/models/causal_lm.ts";

/** How the next requests to a path go wrong: each entry is used up by one request. */
export type Fault = "500" | "hang" | "cut" | "few" | "no ids" | "beyond" | "nan" | "400";

/** A server that speaks as much of vLLM's protocol as the sampler uses, around a model of ours. */
export interface LocalVllm extends AsyncDisposable {
  url: string;
  /** Faults to come, by path. */
  faults: Record<string, Fault[]>;
  /** Adapters that are loaded. */
  adapters: string[];
  requests: { path: string; body: Record<string, unknown> }[];
}

/** Serves `model`, whose adapters are loaded from the folders that are named to it. */
export function localVllm(model: CausalLM): LocalVllm {
  const state = {
    faults: {} as Record<string, Fault[]>,
    adapters: [] as string[],
    requests: [] as LocalVllm["requests"],
  };
  let turn: Promise<unknown> = Promise.resolve();
  const open = new AbortController();

  async function answer(path: string, body: Record<string, unknown>): Promise<Response> {
    if (path === "/v1/load_lora_adapter") {
      if (state.adapters.includes(body.lora_name as string)) {
        return new Response("already loaded", { status: 400 });
      }
      await model.loadAdapter(body.lora_path as string, { name: body.lora_name as string });
      state.adapters.push(body.lora_name as string);
      return new Response("Success");
    }
    if (path === "/v1/unload_lora_adapter") {
      state.adapters = state.adapters.filter((name) => name !== body.lora_name);
      return new Response("Success");
    }
    if (path !== "/v1/completions") return new Response("not found", { status: 404 });
    if (body.prompt_logprobs === 0) return await said(body.prompt as number[]);
    model.useAdapter(body.model as string);
    const completions = await model.generate([body.prompt as number[]], {
      n: body.n as number,
      maxTokens: body.max_tokens as number,
      temperature: body.temperature as number,
      topK: Math.max(0, body.top_k as number),
      topP: body.top_p as number,
      minP: body.min_p as number,
      seed: body.seed as number,
      eosIds: body.stop_token_ids as number[],
    });
    return Response.json({
      choices: completions.map(({ text, tokens, logprobs, truncated }, index) => ({
        index,
        text,
        token_ids: tokens,
        logprobs: { token_logprobs: logprobs },
        finish_reason: truncated ? "length" : "stop",
      })),
    });
  }

  /** How likely the model finds each token of a prompt, at temperature 1. */
  async function said(ids: number[]): Promise<Response> {
    const { vocabSize } = model.decoder.config, beyond = ids.find((id) => id >= vocabSize);
    if (beyond !== undefined) return new Response(`Token id ${beyond} is out of vocabulary`, { status: 400 });
    const logits = model.logits([ids]), values = await logits.data() as Float32Array;
    logits.dispose();
    const promptLogprobs = ids.map((id, place) => {
      if (place === 0) return null;
      const row = values.subarray((place - 1) * vocabSize, place * vocabSize);
      const top = row.reduce((a, b) => Math.max(a, b)),
        total = row.reduce((sum, x) => sum + Math.exp(x - top), 0);
      return {
        [id]: {
          logprob: row[id] - top - Math.log(total),
          rank: 1,
          decoded_token: model.tokenizer.decode([id]),
        },
      };
    });
    return Response.json({ choices: [{ index: 0, text: "", prompt_logprobs: promptLogprobs }] });
  }

  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url),
      body = await request.json(),
      fault = state.faults[pathname]?.shift();
    state.requests.push({ path: pathname, body });
    if (fault === "500" || fault === "400") return new Response("out of order", { status: Number(fault) });
    if (fault === "hang") {
      await new Promise((done) => open.signal.addEventListener("abort", done));
      return new Response(null, { status: 503 });
    }
    // one model: one request at a time
    const mine = turn.then(() => answer(pathname, body));
    turn = mine.catch(() => {});
    const response = await mine;
    if (!fault) return response;
    if (fault === "cut") return new Response((await response.text()).slice(0, 40));
    const reply = await response.json(), [first] = reply.choices;
    if (fault === "few") reply.choices.pop();
    if (fault === "no ids") delete first.token_ids;
    if (fault === "beyond") first.token_ids[0] = 1e6;
    if (fault === "nan") first.logprobs.token_logprobs[0] = null;
    return Response.json(reply);
  });
  return Object.assign(state, {
    url: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      open.abort();
      await server.shutdown();
    },
  });
}
