import assert from "node:assert/strict";
import {
  accuracyFigure,
  ArgumentError,
  chat,
  compare,
  compareRuns,
  evaluate,
  exportRun,
  generateProblems,
  grpo,
  learningCurves,
  loadModel,
  loadRun,
  restoreModel,
  resume,
  runBands,
  sft,
  useBackend,
} from "../../mod.ts";
import { inventedEvaluation, inventedSft } from "../report/invented.ts";

// deno-lint-ignore no-explicit-any
type Any = any;

const problems = generateProblems({ count: 4, seed: 1 });

Deno.test("whatever a cell passes wrongly gets one sentence with the way out", async () => {
  await useBackend("cpu");
  const model = await loadModel("data/models/tiny-gemma"), asAny = (value: unknown) => value as Any;
  try {
    const cases: [call: () => unknown, sentence: RegExp][] = [
      [
        () => sft(asAny("gpt2"), problems),
        /^sft's first argument must be a model, got "gpt2"; load one with/,
      ],
      [() => sft(asAny(loadModel), problems), /must be a model, got the function loadModel/],
      [
        () => sft(asAny(Promise.resolve(model)), problems),
        /got a promise; write `await` before what gave it/,
      ],
      [() => sft(model, asAny("data.jsonl")), /sft needs a list of problems, got "data\.jsonl"/],
      [() => sft(model, asAny({ train: problems, test: [] })), /give its \.train or \.test/],
      [() => sft(model, problems, asAny(100)), /sft's third argument must be a group of options, got 100/],
      [() => sft(model, problems, asAny({ epochs: 2 })), /epochs = 2 counts in `steps` here/],
      [
        () => grpo(model, problems, asAny(undefined)),
        /grpo's third argument must be a group of options, got nothing/,
      ],
      [() => grpo(model, problems, asAny({})), /grpo needs a reward/],
      [() => grpo(model, problems, asAny({ reward: 3 })), /a reward is a function of a sample/],
      [
        () => grpo(model, problems, asAny({ reward: () => 1, G: 4 })),
        /G = 4 is not an option; did you mean `generations`/,
      ],
      [() => evaluate(model, asAny(["What is 2 + 2?"])), /evaluate needs problems such as \{ question/],
      [() => evaluate(model, asAny(undefined)), /evaluate needs a list of problems/],
      [
        () => evaluate(model, problems, asAny(10)),
        /evaluate's third argument must be a group of options, got 10/,
      ],
      [
        () => resume(model, asAny({ stage: "sft" }), { problems }),
        /what resume goes on from must be a run, got an object with stage/,
      ],
      [
        () => resume(model, "somewhere", asAny(undefined)),
        /resume's third argument must be a group of options/,
      ],
      [
        () => resume(asAny("somewhere"), asAny({ model, problems }), asAny(undefined)),
        /resume's first argument must be a model/,
      ],
      [() => restoreModel(model, asAny(undefined)), /goes on from must be the path of a folder, got nothing/],
      [
        () => loadModel("data/models/tiny-gemma", asAny({ loar: {} })),
        /loar = \{\} is not an option; did you mean `lora`/,
      ],
      [() => loadModel(asAny(3)), /loadModel's argument, if it is no path, must be a group of options/],
      [() => loadModel(asAny({ model: "gpt2" })), /model = "gpt2" is not an option; did you mean `path`/],
      [
        () => loadModel("data/models/tiny-gemma", asAny({ lora: { r: 8 } })),
        /lora\.r = 8 is not an option; did you mean `rank`/,
      ],
      [() => model.generate(asAny("What is 2 + 2?")), /put one prompt into brackets/],
      [
        () => model.generate(["x"], asAny({ max_new_tokens: 5 })),
        /max_new_tokens = 5 is not an option; did you mean `maxTokens`/,
      ],
      [() => useBackend(asAny("gpu")), /backend = "gpu" must be one of auto, webgpu, cpu/],
      [() => useBackend(asAny({ thread: 2 })), /thread = 2 is not an option; did you mean `threads`/],
      [() => chat(asAny("gpt2")), /chat's first argument must be a model/],
      [
        () => learningCurves(asAny("results/demo")),
        /learningCurves' first argument must be a run, got "results\/demo"/,
      ],
      [() => learningCurves([asAny(3)]), /item 0 of learningCurves' first argument must be a run/],
      [
        () => compareRuns(asAny(7)),
        /compareRuns' argument must be a group of options, got 7/,
      ],
      [
        () => compareRuns({ a: asAny([{ run: 1 }]) }),
        /`run` under `a` of compareRuns' argument must be a run, got 1/,
      ],
      [() => runBands({ a: asAny([3]) }), /item 0 of `a` of runBands' first argument must be a run/],
      [() => compare(asAny([3])), /compare's first argument must be a group/],
      [
        () => compare({ base: asAny(0.5) }),
        /`base` of compare's first argument must be an evaluation, got 0\.5/,
      ],
      [() => accuracyFigure({ base: asAny(0.5) }), /must be an evaluation/],
      [
        () => exportRun(asAny({}), asAny("results")),
        /exportRun's first argument must be the path of a folder/,
      ],
      [
        () => exportRun("results/x", asAny(undefined)),
        /exportRun's second argument must be a group of options/,
      ],
      [
        () => exportRun("results/x", asAny({ run: 1 })),
        /exportRun takes config, runs, .*did you mean `runs`/,
      ],
      [
        () => exportRun("results/x", asAny({ runs: 1 })),
        /`runs` in exportRun's second argument must be a run, got 1/,
      ],
      [() => loadRun(asAny(undefined)), /loadRun's argument must be the path of a folder, got nothing/],
    ];
    for (const [call, sentence] of cases) {
      await assert.rejects(async () => await call(), (error: Error) => {
        assert.match(error.message, sentence);
        assert.ok(
          !/undefined|\[object|Cannot (read|destructure)|is not a function/.test(error.message),
          error.message,
        );
        return true;
      });
    }
    assert.throws(() => chat(asAny(null)), ArgumentError);
  } finally {
    model.dispose();
  }
});

Deno.test("one run, one evaluation, `lora: true` and options beside a path are understood", async () => {
  const run = inventedSft(4), evaluation = inventedEvaluation("base", 0.2, 0.1, 40);
  assert.deepEqual(learningCurves(run).toJSON(), learningCurves([run]).toJSON());
  const folder = await Deno.makeTempDir();
  try {
    const { results } = await exportRun(`${folder}/one`, { runs: run, evaluations: evaluation as never });
    assert.deepEqual([results.runs.length, Object.keys(results.evaluations)], [1, [evaluation.name]]);
    assert.deepEqual((await loadRun(`${folder}/one`)).runs[0].steps.length, run.steps.length);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await useBackend("cpu");
  const path = "data/models/tiny-gemma";
  for (const load of [() => loadModel(path, { lora: true }), () => loadModel({ path, lora: {} })]) {
    const model = await load();
    assert.equal(model.lora?.rank, 16);
    model.dispose();
  }
  const plain = await loadModel(path, { lora: false });
  assert.equal(plain.lora, null);
  plain.dispose();
});
