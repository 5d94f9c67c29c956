import assert from "node:assert/strict";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import type { CausalLM } from "../../lib/models/causal_lm.ts";
import type { EvaluationItem } from "../../lib/stages/evaluation.ts";
import { evaluate } from "../../lib/stages/evaluate.ts";
import { setObserver } from "../../lib/display/observer.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { problems, tinyModel } from "../training/tiny_model.ts";

testOnCpu("evaluate() gives pass@k and maj@k over problems, from the samples that it keeps", async () => {
  setObserver(null);
  await startEngine({ threads: 1 });
  const model = tinyModel(), some = problems.slice(0, 3);
  // random weights are never right, so the sampler says what is written here: how many of four are right, a problem each
  const right = [1, 2, 0];
  const scripted = Object.create(model, {
    generate: {
      value: async (...args: Parameters<typeof model.generate>) => {
        const drawn = await model.generate(...args), seen = [0, 0, 0];
        return drawn.map((completion) => {
          const at = seen[completion.prompt]++, { answer } = some[completion.prompt];
          return {
            ...completion,
            text: `<answer>${at < right[completion.prompt] ? answer : 900 + at}</answer>`,
          };
        });
      },
    },
  });
  const found = await evaluate(scripted, some, {
    samples: 4,
    temperature: 1,
    passAt: [1, 2, 4],
    maxTokens: 2,
  });
  assert.equal(found.items.length, 12);
  const count = (id: string) =>
    found.items.filter((item: EvaluationItem) => item.problemId === id && item.correct).length;
  assert.deepEqual(some.map(({ id }) => count(id)), right);
  // 1 − C(4−c, k)/C(4, k) for c = 1, 2, 0
  const close = (actual: number, expected: number) =>
    assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}, ${expected}`);
  close(found.passAt[1], (1 / 4 + 2 / 4) / 3);
  close(found.passAt[2], (1 / 2 + 5 / 6) / 3);
  close(found.passAt[4], (1 + 1) / 3);
  // of two votes: a tie is half right, two right ones win; of four: two right against one each
  close(found.majorityAt[1], 2 / 3);
  close(found.majorityAt[2], (1 / 2 + 1) / 3);
  close(found.majorityAt[4], (1 / 4 + 1) / 3);
  assert.match(Deno.inspect(found), /pass@4 +66\.7 %/);
  assert.match(Deno.inspect(found), /maj@4 +41\.7 %/);
  model.dispose();
});

/** A model that says what a script says for each prompt and sample, at the cost of no sampling. */
function scripted(
  model: ReturnType<typeof tinyModel>,
  say: (question: string, sample: number) => string | null,
): CausalLM {
  const generate = (prompts: number[][], { n = 1 }: { n?: number } = {}) =>
    Promise.resolve(prompts.flatMap((ids, prompt) =>
      Array.from({ length: n }, (_, sample) => {
        const text = say(model.tokenizer.decode(ids), sample);
        return {
          prompt,
          text: text ?? "",
          tokens: [5],
          pieces: [text ?? ""],
          logprobs: [-0.1],
          ended: text === null ? "aborted" : "end",
          truncated: false,
        };
      })
    ));
  return Object.create(model, { generate: { value: generate } });
}

const answered = (question: string, of = problems) => {
  const problem = of.find((each) => question.includes(each.question))!;
  return `<reasoning>${problem.reasoning}</reasoning><answer>${problem.answer}</answer>`;
};

testOnCpu(
  "evaluate() draws the same samples whatever the batch, the order and the other problems",
  async () => {
    setObserver(null);
    await startEngine({ threads: 1 });
    const model = tinyModel(),
      some = problems.slice(0, 6),
      options = { samples: 3, temperature: 1, maxTokens: 6 };
    const texts = async (of: typeof problems, batchSize: number) => {
      const { items } = await evaluate(model, of, { ...options, batchSize });
      return new Map(
        items.map(({ problemId, sample, completion }) => [`${problemId}#${sample}`, completion]),
      );
    };
    const whole = await texts(some, 64);
    assert.equal(new Set(whole.values()).size > 12, true);
    assert.deepEqual(await texts(some, 1), whole);
    assert.deepEqual(await texts(some, 7), whole);
    for (const [key, text] of await texts([...some].reverse().slice(0, 3), 64)) {
      assert.equal(
        text,
        whole.get(key),
      );
    }
    model.dispose();
  },
);

testOnCpu(
  "evaluate() that is stopped counts what was finished, says so, and goes on where it stopped",
  async () => {
    const model = tinyModel(), some = problems.slice(0, 6);
    let pressed = false, calls = 0;
    setObserver({
      view: () => ({ update() {}, note() {}, end: () => Promise.resolve() }),
      stop: () => ({
        get pressed() {
          return pressed;
        },
        signal: new AbortController().signal,
        release() {},
      }),
    });
    const half = scripted(model, (question) => {
      pressed = ++calls >= 4;
      return calls > 3 ? null : answered(question);
    });
    const first = await evaluate(half, some, { batchSize: 2 });
    assert.equal(first.ended, "interrupted");
    assert.deepEqual(first.problems, { asked: 6, answered: 3, tooLong: 0, unjudged: 0 });
    assert.deepEqual([first.accuracy.count, first.accuracy.total], [3, 3]);
    assert.match(Deno.inspect(first), /Stopped: 3 of 6 problems were answered whole/);
    setObserver(null);
    const asked: string[] = [];
    const rest = scripted(model, (question) => (asked.push(question), answered(question)));
    const whole = await evaluate(rest, some, { batchSize: 4, resumeFrom: first });
    assert.equal(asked.length, 3);
    assert.equal(whole.ended, "finished");
    assert.deepEqual(whole.items.map(({ problemId }) => problemId), some.map(({ id }) => id));
    await assert.rejects(
      evaluate(rest, some, { maxTokens: 9, resumeFrom: first }),
      /needs the options that it began with/,
    );
    model.dispose();
  },
);

testOnCpu("evaluate() leaves out prompts that are too long, counts them and says so", async () => {
  setObserver(null);
  const model = tinyModel();
  const long = { ...problems[0], id: "long", question: `${"very ".repeat(600)}?` };
  const found = await evaluate(scripted(model, (question) => answered(question)), [
    problems[1],
    long,
    problems[2],
  ]);
  assert.deepEqual(found.problems, { asked: 3, answered: 2, tooLong: 1, unjudged: 0 });
  assert.equal(found.ended, "finished");
  assert.match(Deno.inspect(found), /1 of 3 problems left out: the prompt leaves no room/);
  model.dispose();
});

testOnCpu(
  "evaluate() judges in the format and anywhere, by a judge of one's own, and refuses two problems of one id",
  async () => {
    setObserver(null);
    const model = tinyModel(), some = problems.slice(0, 4);
    const plain = scripted(
      model,
      (question) => `It is ${some.find((each) => question.includes(each.question))!.answer}.`,
    );
    const found = await evaluate(plain, some);
    assert.equal(found.accuracy.value, 0);
    assert.equal(found.accuracyAnywhere.value, 1);
    assert.equal((await evaluate(plain, some, { format: "last-number" })).accuracy.value, 1);
    const judged = await evaluate(plain, some, {
      judge: ({ completion, problem }) => problem === some[3] ? null : completion.startsWith("It is"),
    });
    assert.deepEqual([judged.accuracy.value, judged.problems.unjudged, judged.items.length], [1, 1, 3]);
    await assert.rejects(evaluate(plain, [some[0], some[0]]), /items 0 and 1 are both "sum\/0"/);
    const [numeric] =
      (await evaluate(plain, [{ question: some[0].question, answer: Number(some[0].answer) }] as never))
        .items;
    assert.deepEqual([numeric.reference, numeric.correctAnywhere], [some[0].answer, true]);
    model.dispose();
  },
);

testOnCpu("evaluate() compares problems with and without distractors in pairs", async () => {
  setObserver(null);
  const model = tinyModel(), some = problems.slice(0, 8);
  const both = [
    ...some,
    ...some.map((each) => ({ ...each, id: `${each.id}+distractor`, question: `It rains. ${each.question}` })),
  ];
  const distractible = scripted(
    model,
    (question) =>
      question.includes("It rains") && question.includes("What is 9")
        ? "<answer>0</answer>"
        : answered(question, some),
  );
  const { distractors } = await evaluate(distractible, both);
  assert.equal(distractors?.problems, 8);
  assert.equal(distractors.plain.value, 1);
  const wrong = some.filter(({ question }) => question.includes("What is 9")).length;
  assert.equal(distractors.difference.value, -wrong / 8);
  model.dispose();
});
