/** Distillation as a whole, on models of random weights: what is learned, refused, kept and logged. */
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { TeacherError } from "../../lib/generation/teacher.ts";
import { vllmTeacher } from "../../lib/generation/vllm_teacher.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import { createModel } from "../../lib/models/create_model.ts";
import { compareVocabularies } from "../../lib/text/compare_vocabularies.ts";
import { ConfigError } from "../../lib/options/config_error.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { distill, type DistillOptions } from "../../lib/stages/distill.ts";
import { resume } from "../../lib/stages/resume.ts";
import { localVllm } from "../generation/local_vllm.ts";
import { problems, tinyModel } from "../training/tiny_model.ts";
import { test } from "./in_folder.ts";

/** Another model of the same vocabulary, wider than the student. */
function largerModel(): CausalLM {
  const small = tinyModel(), { tokenizer, decoder: { config } } = small;
  small.dispose();
  return createModel({ ...config, intermediateSize: 96 }, { tokenizer, seed: 11, standardDeviation: 0.2 });
}

const small = {
  steps: 4,
  promptsPerStep: 2,
  generations: 2,
  maxTokens: 8,
  learningRate: 3e-3,
} satisfies DistillOptions;

async function weights(model: CausalLM): Promise<number[]> {
  const all: number[] = [];
  for (const name of model.decoder.names) all.push(...await model.decoder.values(name));
  return all;
}

test("distill() brings the student nearer to its teacher, by whole distributions and by the tokens drawn", async () => {
  for (const divergence of ["exact", "sampled"] as const) {
    const student = tinyModel(), teacher = largerModel(), before = await weights(teacher);
    await distill(student, teacher, problems, { ...small, steps: 1 });
    const held = tf.memory().numTensors; // with the models' rotary tables
    const run = await distill(student, teacher, problems, {
      ...small,
      steps: 60,
      promptsPerStep: 8,
      divergence,
    });
    assert.equal(tf.memory().numTensors, held);
    assert.deepEqual(await weights(teacher), before);
    const kl = run.steps.map(({ teacherKl }) => teacherKl!);
    const mean = (some: number[]) => some.reduce((sum, x) => sum + x, 0) / some.length;
    assert.ok(mean(kl.slice(-5)) < 0.7 * mean(kl.slice(0, 5)), `${divergence}: ${kl}`);
    assert.equal(run.stage, "distill");
    assert.deepEqual(run.diagnoses.map(({ rule }) => rule).filter((rule) => rule === "loss near zero"), []);
    for (const step of run.steps) {
      assert.equal(step.teacherKl, step.loss);
      assert.equal(step.zeroVarianceFraction, undefined);
      assert.deepEqual(Object.keys(step.components!), ["correctness"]);
    }
    assert.equal(run.completions[0].stage, "distill");
    assert.equal(run.completions[0].advantage, undefined);
    student.dispose();
    teacher.dispose();
  }
});

test("distill() resumed ends with the same bits, and asks for the teacher that no checkpoint keeps", async (folder) => {
  for (const divergence of ["exact", "sampled"] as const) {
    const checkpoints = `${folder}/${divergence}`, teacher = largerModel();
    const options = { ...small, divergence, checkpoints, checkpointEvery: 2, gradientAccumulation: 2 };
    const whole = tinyModel();
    const undisturbed = await distill(whole, teacher, problems, {
      ...options,
      checkpoints: `${folder}/whole`,
    });
    const stopped = tinyModel(), controller = new AbortController();
    await distill(stopped, teacher, problems, {
      ...options,
      signal: controller.signal,
      onStep: ({ step }) => step === 2 && controller.abort(),
    });
    const again = tinyModel();
    await assert.rejects(resume(again, checkpoints, { problems }), /needs the teacher that it had/);
    const resumed = await resume(again, checkpoints, { problems, teacher });
    assert.deepEqual(resumed.steps.map(({ loss }) => loss), undisturbed.steps.map(({ loss }) => loss));
    assert.deepEqual(await weights(again), await weights(whole));
    for (const model of [whole, stopped, again, teacher]) model.dispose();
  }
});

test("distill() cut into passes, or with an adapter, learns as it should", async () => {
  const losses: number[][] = [];
  for (const gradientAccumulation of [1, 4]) {
    const student = tinyModel(), teacher = largerModel();
    const run = await distill(student, teacher, problems, { ...small, steps: 3, gradientAccumulation });
    losses.push(run.steps.map(({ loss }) => loss));
    student.dispose();
    teacher.dispose();
  }
  losses[0].forEach((loss, i) => assert.ok(Math.abs(loss - losses[1][i]) < 1e-4, `${losses}`));

  const student = tinyModel(), teacher = largerModel(), base = await weights(student);
  student.addLora({ rank: 4 });
  const run = await distill(student, teacher, problems, {
    ...small,
    steps: 30,
    promptsPerStep: 6,
    learningRate: 1e-2,
  });
  assert.deepEqual(await weights(student), base);
  assert.ok(run.steps.at(-1)!.teacherKl! < run.steps[0].teacherKl!);
  student.dispose();
  teacher.dispose();
});

test("distill() from a vLLM server learns what it learns from the same model by the tokens drawn", async () => {
  const served = largerModel();
  await using server = localVllm(served);
  const remote = vllmTeacher({ baseURL: `${server.url}/v1`, model: "teacher", retries: 1 });
  const byServer = tinyModel(), byModel = tinyModel(), teacher = largerModel();
  server.faults["/v1/completions"] = ["500"];
  const first = await distill(byServer, remote, problems, small);
  const second = await distill(byModel, teacher, problems, { ...small, divergence: "sampled" });
  first.steps.forEach(({ loss }, i) => assert.ok(Math.abs(loss - second.steps[i].loss) < 1e-4));
  const [a, b] = [await weights(byServer), await weights(byModel)];
  assert.ok(a.every((value, i) => Math.abs(value - b[i]) < 2e-3));
  const { body } = server.requests.at(-1)!;
  assert.deepEqual([body.model, body.max_tokens, body.prompt_logprobs], ["teacher", 1, 0]);
  for (const model of [served, byServer, byModel, teacher]) model.dispose();
});

test("distill() refuses a teacher that cannot teach, before any work, and says why", async () => {
  const student = tinyModel(), other = await loadModel("data/models/tiny-gemma");
  assert.ok(compareVocabularies(student.tokenizer, other.tokenizer)!.count > 100);
  assert.equal(compareVocabularies(student.tokenizer, student.tokenizer), null);
  await assert.rejects(distill(student, other, problems, small), (error: Error) => {
    assert.ok(error instanceof TeacherError);
    assert.match(
      error.message,
      /one vocabulary, but \d+ tokens differ, the first being \d+: .* to the teacher/,
    );
    return true;
  });
  await assert.rejects(distill(student, student, problems, small), /from itself teaches nothing/);
  await assert.rejects(
    distill(student, largerModel(), problems, { ...small, gradientAccumulation: 9 }),
    ConfigError,
  );
  await assert.rejects(
    distill(student, { model: 1 } as never, problems, small),
    /second argument must be a model/,
  );

  // as large as the student's, and cut otherwise
  await using server = localVllm(other);
  const remote = vllmTeacher({ baseURL: server.url, model: "other", retries: 0 });
  await assert.rejects(distill(student, remote, problems, small), (error: Error) => {
    assert.ok(error instanceof TeacherError);
    assert.match(error.message, /token \d+ is ".*" to it and ".*" to the student/);
    return true;
  });
  await assert.rejects(
    distill(student, remote, problems, { ...small, divergence: "exact" }),
    /whole distributions/,
  );
  await assert.rejects(
    distill(student, remote, problems, { ...small, temperature: 0.8 }),
    /temperature 1, got 0.8/,
  );
  await using smaller = localVllm(student);
  await assert.rejects(
    distill(other, vllmTeacher({ baseURL: smaller.url, model: "small", retries: 0 }), problems, small),
    /does not know the student's \d+ tokens/,
  );
  student.dispose();
  other.dispose();
});
