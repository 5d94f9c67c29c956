import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { localSampler, type Sampler } from "../../lib/generation/sampler.ts";
import { vllmSampler } from "../../lib/generation/vllm_sampler.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { evaluate } from "../../lib/stages/evaluate.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import type { GrpoOptions } from "../../lib/stages/grpo_options.ts";
import { diagnose } from "../../lib/training/diagnose.ts";
import { TrainingError } from "../../lib/training/training_error.ts";
import { localVllm } from "../generation/local_vllm.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { digits, problems, tinyModel } from "../training/tiny_model.ts";

await useBackend({ backend: "cpu", threads: 1 });

const options: GrpoOptions = {
  steps: 3,
  promptsPerStep: 2,
  generations: 4,
  maxTokens: 10,
  learningRate: 1e-2,
  beta: 0.02,
  temperature: 1,
  seed: 4,
  reward: digits,
};

/** A policy with an adapter: the same every time. */
function policy() {
  const model = tinyModel();
  model.addLora({ rank: 4, seed: 3 });
  return model;
}

const curve = (run: Awaited<ReturnType<typeof grpo>>) =>
  run.steps.map(({ loss, reward, gradientNorm }) => [loss, reward, gradientNorm]);

function assertClose(
  actual: (number | undefined)[][],
  expected: (number | undefined)[][],
  tolerance: number,
) {
  assert.equal(actual.length, expected.length);
  actual.flat().forEach((value, i) => {
    const wanted = expected.flat()[i]!;
    assert.ok(
      Math.abs(value! - wanted) <= tolerance * Math.max(1, Math.abs(wanted)),
      `${value} against ${wanted}`,
    );
  });
}

testOnCpu(
  "grpo() through a server that speaks vLLM's protocol takes the steps that it takes by itself on the same tokens",
  async () => {
    const adapterDir = await Deno.makeTempDir(), served = tinyModel(), remote = policy(), local = policy();
    try {
      await using server = localVllm(served);
      const sampler = vllmSampler({ baseURL: server.url, adapterDir });
      // the server numbers its own random sequences: what it drew is drawn again for the local run
      const drawn: Awaited<ReturnType<Sampler["sample"]>>[] = [];
      const recording: Sampler = {
        ...sampler,
        async sample(...given) {
          const completions = await sampler.sample(...given);
          drawn.push(structuredClone(completions));
          return completions;
        },
      };
      const first = await grpo(remote, problems, { ...options, sampler: recording });
      const again: Sampler = { ...localSampler, sample: () => Promise.resolve(drawn.shift()!) };
      const second = await grpo(local, problems, { ...options, sampler: again });
      assertClose(curve(first), curve(second), 1e-5);
      for (const { samplerRatio } of first.steps) {
        assert.ok(samplerRatio && samplerRatio.outside === 0 && Math.abs(samplerRatio.mean - 1) < 1e-4);
      }
      assert.equal(second.steps[0].samplerRatio, undefined);
      assert.equal(server.adapters.length, 1, "adapters of earlier steps stay loaded");
    } finally {
      for (const model of [served, remote, local]) model.dispose();
      await Deno.remove(adapterDir, { recursive: true });
    }
  },
);

testOnCpu(
  "grpo() corrects for a sampler whose probabilities are another's, and its run is told that they drift",
  async () => {
    /** As a server in 16 bits with another temperature would have them: every log-probability is off by a third. */
    const off: Sampler = {
      name: "off",
      foreign: true,
      sample: async (...given) =>
        (await localSampler.sample(...given)).map((completion) => ({
          ...completion,
          logprobs: completion.logprobs.map((logprob) => logprob * 1.3),
        })),
    };
    const losses: number[] = [];
    for (
      const correction of [null, { mode: "token_truncate" as const, max: 1.5 }, {
        mode: "sequence_mask" as const,
        max: 3,
      }]
    ) {
      const model = policy();
      const run = await grpo(model, problems, {
        ...options,
        steps: 6,
        sampler: off,
        importanceCorrection: correction,
      });
      losses.push(run.steps[0].gradientNorm);
      if (correction === null) assert.equal(run.steps[0].samplerRatio, undefined);
      else {
        assert.ok(run.steps[0].samplerRatio!.mean > 1.2);
        const drift = diagnose(run.steps, { stage: "grpo" }).find(({ rule }) => rule === "sampler drift");
        assert.match(drift?.message ?? "", /out of bounds.*--logprobs-mode processed_logprobs/s);
      }
      model.dispose();
    }
    assert.equal(new Set(losses).size, 3);
    // all sequences are masked: their product of ratios is far above 3
    assert.ok(losses[2] < 1e-3 * losses[0], `${losses}`);
  },
);

testOnCpu(
  "a server that dies in a step ends the run with a checkpoint, and it goes on when the server is back",
  async () => {
    const adapterDir = await Deno.makeTempDir(),
      checkpoints = await Deno.makeTempDir(),
      served = tinyModel(),
      model = policy();
    try {
      await using server = localVllm(served);
      const sampler = vllmSampler({ baseURL: server.url, adapterDir, retries: 0 });
      const given = { ...options, sampler, checkpoints };
      let asked = 0;
      const dying: Sampler = {
        ...sampler,
        sample(...rest) {
          if (asked++ === 2) server.faults["/v1/completions"] = ["500", "500"];
          return sampler.sample(...rest);
        },
      };
      await assert.rejects(grpo(model, problems, { ...given, sampler: dying }), (error: Error) => {
        assert.ok(error instanceof TrainingError);
        assert.match(error.message, /status 500.*resume the run/s);
        return true;
      });
      server.faults = {};
      const back = policy(), run = await grpo(back, problems, { ...given, resumeFrom: checkpoints });
      assert.equal(run.steps.length, 3);
      assert.equal(run.ended, "finished");
      back.dispose();
    } finally {
      served.dispose();
      model.dispose();
      for (const folder of [adapterDir, checkpoints]) await Deno.remove(folder, { recursive: true });
    }
  },
);

testOnCpu("evaluate() takes a sampler too, and gives what the model gives by itself", async () => {
  const adapterDir = await Deno.makeTempDir(), served = tinyModel(), model = policy();
  for (const { b } of model.decoder.lora.values()) {
    tf.tidy(() => b.assign(tf.mul(tf.onesLike(b), 0.05) as tf.Tensor2D));
  }
  try {
    await using server = localVllm(served);
    const sampler = vllmSampler({ baseURL: server.url, adapterDir }), some = problems.slice(0, 5);
    const remote = await evaluate(model, some, { maxTokens: 8, sampler }),
      own = await evaluate(model, some, { maxTokens: 8 });
    assert.deepEqual(
      remote.items.map(({ completion }) => completion),
      own.items.map(({ completion }) => completion),
    );
  } finally {
    served.dispose();
    model.dispose();
    await Deno.remove(adapterDir, { recursive: true });
  }
});
