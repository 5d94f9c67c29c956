/** What people hand to grpo(): long prompts, rewards of their own, data without a phase's problems. */
import assert from "node:assert/strict";
import { heapUse } from "../../lib/backend/shared_wasm.ts";
import type { Problem } from "../../lib/data/problem.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import type { Reward, RewardResult } from "../../lib/rewards/reward.ts";
import { fittingProblems } from "../../lib/stages/fitting_problems.ts";
import { grpo } from "../../lib/stages/grpo.ts";
import type { GrpoOptions } from "../../lib/stages/grpo_options.ts";
import { digits, problems, tinyModel } from "../training/tiny_model.ts";

await useBackend({ backend: "cpu", threads: 1 });

const small = { steps: 2, promptsPerStep: 2, generations: 4, maxTokens: 6 } satisfies Partial<GrpoOptions>;
const long: Problem = { ...problems[0], id: "long", question: "7 plus ".repeat(600) };

/** Notes that a stage gives while it runs. */
async function notesOf(body: () => Promise<unknown>): Promise<string[]> {
  const notes: string[] = [];
  setObserver({
    view: () => ({ update() {}, note: (text) => void notes.push(text), end: () => Promise.resolve() }),
    stop: () => ({ pressed: false, signal: new AbortController().signal, release() {} }),
  });
  try {
    await body();
  } finally {
    setObserver(null);
  }
  return notes;
}

function test(name: string, body: () => Promise<void>) {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn: body });
}

test("grpo() leaves out a prompt that is too long for the model before the first step, counts it and says so", async () => {
  const model = tinyModel(), seen = new Set<string>();
  const reward: Reward = {
    ...digits,
    score: (samples) => {
      for (const { problem } of samples) seen.add(problem.id);
      return digits.score(samples);
    },
  };
  const notes = await notesOf(() =>
    grpo(model, [long, ...problems], { ...small, steps: 30, beta: 0, reward })
  );
  assert.match(
    notes[0],
    /^1 of 25 problems left out as too long: of long, its prompt of \d+ tokens and a completion of 6 pass the model's 512 positions$/,
  );
  assert.ok(!seen.has("long") && seen.size > 10);
  await assert.rejects(
    grpo(model, [long], { ...small, reward: digits }),
    /none of 1 problems leaves the model room to answer: of long/,
  );
  model.dispose();
});

test("fittingProblems() has room for a prompt up to the last position", () => {
  const model = tinyModel(), { tokenizer, config } = model;
  const [{ ids }] =
    fittingProblems(model, problems.slice(0, 1), { maxTokens: 1, systemPrompt: null }).prompts;
  for (const [spare, tooLong] of [[0, 0], [-1, 1]]) {
    const narrow = { ...config, maxPositions: ids.length + 9 + spare };
    const fit = () =>
      fittingProblems({ tokenizer, config: narrow }, problems.slice(0, 1), {
        maxTokens: 9,
        systemPrompt: null,
      });
    if (tooLong) assert.throws(fit, RangeError);
    else assert.deepEqual([fit().problems.length, fit().note], [1, null]);
  }
  model.dispose();
  return Promise.resolve();
});

test("grpo() takes a function for a reward, by its name where it has one", async () => {
  const model = tinyModel();
  for (
    const [reward, name] of [
      [() => 1, "reward"],
      [function short({ completion }: { completion: string }) {
        return completion.length < 12 ? 1 : 0;
      }, "short"],
      [(sample: { step: number }) => Promise.resolve(sample.step), "reward"],
    ] as const
  ) {
    const { steps } = await grpo(model, problems, { ...small, beta: 0, reward });
    assert.deepEqual(Object.keys(steps[0].components!), [name]);
    assert.ok(Number.isFinite(steps[1].reward));
  }
  model.dispose();
});

test("grpo() refuses what is no reward before it samples", async () => {
  const model = tinyModel();
  const wrong: [unknown, RegExp][] = [
    [undefined, /needs a reward/],
    ["correctness", /a reward is a function of a sample.*got correctness/],
    [{ score: digits.score }, /got an object without weights, toJSON, names/],
    [
      [() => 1, () => 2],
      /got an object without score, weights, toJSON, names.*Several functions go together/,
    ],
  ];
  for (const [reward, says] of wrong) {
    await assert.rejects(
      grpo(model, problems, { ...small, reward: reward as Reward }),
      (error: Error) => error instanceof TypeError && says.test(error.message),
    );
  }
  model.dispose();
});

test("grpo() refuses a reward that gives too few or too many results, or none for a completion", async () => {
  const model = tinyModel();
  const scoring = (change: (results: RewardResult[]) => unknown): Reward => ({
    ...digits,
    score: async (samples) => change(await digits.score(samples)) as RewardResult[],
  });
  const wrong: [Reward, RegExp][] = [
    [scoring((results) => results.slice(0, 1)), /reward \(digits\) gave 1 results for 8 completions/],
    [scoring((results) => [...results, results[0]]), /gave 9 results for 8 completions/],
    [scoring(() => undefined), /gave undefined for 8 completions/],
    [
      scoring((results) => results.with(2, undefined as never)),
      /result 2 of the reward \(digits\) needs a number `total`/,
    ],
    [
      scoring((results) => results.with(5, { total: 1 } as never)),
      /result 5 .*for each of its names, got {"total":1}/,
    ],
    [scoring((results) => results.with(0, 0.5 as never)), /result 0 .* got 0.5/],
  ];
  for (const [reward, says] of wrong) {
    await assert.rejects(grpo(model, problems, { ...small, reward }), says);
  }
  model.dispose();
});

test("grpo() asks for problems of every phase that the run comes to, before its first step", async () => {
  const model = tinyModel(), easy = problems.filter(({ difficulty }) => difficulty !== "hard");
  const medium = easy.filter(({ difficulty }) => difficulty === "medium");
  await assert.rejects(
    grpo(model, medium, { ...small, steps: 200, reward: digits }),
    /phase easy draws easy, and the data has only medium/,
  );
  // the last of R3's phases draws all difficulties, so that some are enough
  const { steps } = await grpo(model, easy, { ...small, beta: 0, reward: digits });
  assert.equal(steps.length, 2);
  model.dispose();
});

test("grpo() says the worst of what can be found without sampling before its first step, and nothing where all is well", async () => {
  const model = tinyModel(), first = (notes: string[]) => notes.filter((note) => /^Before/.test(note));
  const fine = await notesOf(() => grpo(model, problems, { ...small, reward: digits }));
  assert.deepEqual(first(fine), []);
  // a heap with room for the moments and the reference, and hardly a sequence
  const { limit } = heapUse,
    trained = model.decoder.parameters().reduce((n, { variable }) => n + variable.size, 0);
  heapUse.limit = heapUse.bytes + 12 * trained + 60_000;
  const [full] = first(
    await notesOf(() => grpo(model, problems, { ...small, reward: digits }).catch((error) => error)),
  );
  heapUse.limit = limit;
  assert.match(
    full,
    /^Before the first step: one sequence: checkpointing is on .* a lower maxTokens is faster$/,
  );
  model.dispose();
});
