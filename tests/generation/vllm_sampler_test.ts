import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { localSampler } from "../../lib/generation/sampler.ts";
import { SamplerError } from "../../lib/generation/sampling_server.ts";
import { vllmSampler } from "../../lib/generation/vllm_sampler.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { tinyModel } from "../training/tiny_model.ts";
import { type Fault, type LocalVllm, localVllm } from "./local_vllm.ts";

await useBackend({ backend: "cpu", threads: 1 });

/** Gives the adapter's B matrices values, as training would. */
function move(policy: CausalLM, amount: number): void {
  for (const { b } of policy.decoder.lora.values()) {
    tf.tidy(() => b.assign(tf.mul(tf.sin(tf.reshape(tf.range(0, b.size), b.shape)), amount) as tf.Tensor2D));
  }
}

/** A policy with an adapter, a server with the same base, and a folder that both see. */
async function withServer(use: (policy: CausalLM, server: LocalVllm, adapterDir: string) => Promise<void>) {
  const adapterDir = await Deno.makeTempDir(), policy = tinyModel(), served = tinyModel();
  policy.addLora({ rank: 4, seed: 3 });
  move(policy, 0.1);
  try {
    await using server = localVllm(served);
    await use(policy, server, adapterDir);
  } finally {
    policy.dispose();
    served.dispose();
    await Deno.remove(adapterDir, { recursive: true });
  }
}

const prompts = [[5, 9, 12], [7, 30]], greedy = { maxTokens: 8, temperature: 0, n: 2, version: "a-1" };

testOnCpu(
  "vllmSampler() draws what the policy itself would, ids and log-probabilities alike, and again when it has moved",
  async () => {
    await withServer(async (policy, server, adapterDir) => {
      const sampler = vllmSampler({ baseURL: `${server.url}/v1`, adapterDir });
      const first = await sampler.sample(policy, prompts, greedy),
        own = await localSampler.sample(policy, prompts, greedy);
      assert.equal(first.length, 4);
      first.forEach((completion, i) => {
        assert.deepEqual({ ...completion, logprobs: [] }, { ...own[i], logprobs: [] });
        completion.logprobs.forEach((value, t) => assert.ok(Math.abs(value - own[i].logprobs[t]) < 1e-5));
      });
      move(policy, 0.5);
      const moved = await sampler.sample(policy, prompts, { ...greedy, version: "a-2" });
      const expected = await localSampler.sample(policy, prompts, greedy);
      assert.deepEqual(moved.map(({ tokens }) => tokens), expected.map(({ tokens }) => tokens));
      assert.notDeepEqual(moved[0].logprobs, first[0].logprobs);
      // a fresh name each time, the one before unloaded and its files gone
      assert.equal(server.adapters.length, 1);
      assert.match(server.adapters[0], /^showwork-a-2$/);
      assert.deepEqual(Array.from(Deno.readDirSync(adapterDir), ({ name }) => name), server.adapters);
      const asked = server.requests.find(({ path }) => path === "/v1/completions")!.body;
      assert.deepEqual(asked.prompt, prompts[0]);
      assert.equal(asked.return_token_ids, true);
      assert.equal(asked.logprobs, 0);
      assert.equal("load_inplace" in server.requests[0].body, false);
    });
  },
);

testOnCpu(
  "vllmSampler() asks again after a fault that may pass, and the completions are those of a server without faults",
  async () => {
    await withServer(async (policy, server, adapterDir) => {
      const sampler = vllmSampler({ baseURL: server.url, adapterDir, retries: 2, timeoutMs: 2000 });
      const own = await localSampler.sample(policy, prompts, greedy);
      for (const faults of [["500"], ["cut"], ["hang"], ["500", "cut"]] as Fault[][]) {
        server.faults["/v1/completions"] = [...faults];
        const drawn = await sampler.sample(policy, prompts, greedy);
        assert.deepEqual(drawn.map(({ tokens }) => tokens), own.map(({ tokens }) => tokens), faults.join());
      }
      server.faults["/v1/load_lora_adapter"] = ["500"];
      assert.equal((await sampler.sample(policy, prompts, { ...greedy, version: "a-5" })).length, 4);
    });
  },
);

testOnCpu("vllmSampler() refuses what cannot be used, and names it", async () => {
  await withServer(async (policy, server, adapterDir) => {
    const sampler = vllmSampler({ baseURL: server.url, adapterDir, retries: 0, timeoutMs: 500 });
    const cases: [Fault, RegExp][] = [
      ["few", /2 completions were asked for, it gave 1/],
      ["no ids", /choices\.0\.token_ids.*return_token_ids/],
      ["beyond", /token 1000000 is beyond the vocabulary.*same base model/],
      ["nan", /choices\.0\.logprobs\.token_logprobs\.0/],
      ["400", /status 400: out of order/],
      ["500", /after 1 attempts status 500.*resume the run/],
      ["hang", /no answer within 500 ms/],
    ];
    for (const [fault, says] of cases) {
      server.faults["/v1/completions"] = [fault];
      await assert.rejects(sampler.sample(policy, [prompts[0]], greedy), (error: Error) => {
        assert.ok(error instanceof SamplerError, `${fault}: ${error}`);
        assert.match(error.message, says);
        return true;
      });
    }
    policy.useAdapter(null);
    await assert.rejects(
      sampler.sample(policy, prompts, { ...greedy, version: "a-9" }),
      /call addLora\(\) first/,
    );
  });
});

testOnCpu("vllmSampler() ends at once when it is stopped", async () => {
  await withServer(async (policy, server, adapterDir) => {
    const sampler = vllmSampler({ baseURL: server.url, adapterDir }), stop = new AbortController();
    server.faults["/v1/completions"] = ["hang"];
    const started = performance.now(),
      drawn = sampler.sample(policy, [prompts[0]], { ...greedy, signal: stop.signal });
    setTimeout(() => stop.abort(), 100);
    await assert.rejects(drawn, { name: "AbortError" });
    assert.ok(performance.now() - started < 2000);
  });
});
