import assert from "node:assert/strict";
import { ConfigError } from "../../lib/options/config_error.ts";
import { nearest } from "../../lib/options/nearest.ts";
import { parseOptions } from "../../lib/options/parse_options.ts";
import { dataSchema } from "../../lib/data/data_schema.ts";
import { evaluateSchema } from "../../lib/stages/evaluate_schema.ts";
import { configToYaml } from "../../lib/config/config_to_yaml.ts";
import { loadConfig } from "../../lib/config/load_config.ts";
import { grpoSchema, wholeOptions } from "../../lib/stages/grpo_schema.ts";
import { algorithms } from "../../lib/training/algorithms.ts";
import { loraSchema } from "../../lib/models/model_schema.ts";
import { rewardSchema } from "../../lib/rewards/reward_schema.ts";
import { sftSchema } from "../../lib/stages/sft_schema.ts";
import { runSchema } from "../../lib/config/schema.ts";

const problems = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  throw new Error("nothing was refused");
};

Deno.test("parseOptions() fills in the documented defaults", () => {
  const options = parseOptions(grpoSchema, { steps: 7 }, "grpo");
  assert.equal(options.steps, 7);
  assert.equal(options.generations, 8);
  assert.equal(options.advantage, "group");
  assert.deepEqual(options.betas, [0.9, 0.999]);
  assert.deepEqual(parseOptions(sftSchema, undefined, "sft").learningRate, {
    kind: "cosine",
    peak: 2e-3,
    warmupRatio: 0.05,
  });
});

Deno.test("parseOptions() lists every problem at once with path, value, rule and nearest key", () => {
  const found = problems(() =>
    parseOptions(grpoSchema, { bata: 0.1, temperature: -1, loss: "bnpoo", topP: "much" } as never, "grpo")
  );
  assert.deepEqual(found.map(({ path, value, nearest }) => [path, value, nearest]).sort(), [
    ["bata", 0.1, "beta"],
    ["loss", "bnpoo", "bnpo"],
    ["temperature", -1, undefined],
    ["topP", "much", undefined],
  ]);
  assert.deepEqual(
    found.find(({ path }) => path === "loss")?.rule,
    "must be one of grpo, bnpo, dr_grpo, dapo, cispo, sapo, luspo, vespo",
  );
  assert.match(found.find(({ path }) => path === "temperature")!.rule, /above 0/);
});

Deno.test("ConfigError's message names what was read, each path, value, rule and suggestion", () => {
  const options = { batchsize: 10 } as never;
  assert.throws(() => parseOptions(evaluateSchema, options, "evaluate"), {
    name: "ConfigError",
    message: "evaluate options: 1 problem\n  batchsize = 10 is not an option; did you mean `batchSize`?",
  });
});

Deno.test("parseOptions() knows TRL's spellings and says ours", () => {
  const found = problems(() =>
    parseOptions(grpoSchema, { num_generations: 4, learning_rate: 1e-5 } as never, "grpo")
  );
  assert.deepEqual(found.map((each) => each.nearest), ["generations", "learningRate"]);
});

Deno.test("parseOptions() says ours for the names that people bring, and where what is no single option stands", () => {
  const told = (schema: Parameters<typeof parseOptions>[0], key: string) => {
    const [{ rule, nearest }] = problems(() => parseOptions(schema, { [key]: 1 } as never, "options"));
    return nearest ?? rule;
  };
  const grpoNames: Record<string, string | RegExp> = {
    G: "generations",
    maxSteps: "steps",
    max_completion_length: "maxTokens",
    kl: "beta",
    kl_coef: "beta",
    epsilon_high: "epsilonHigh",
    delta: "dualClip",
    save_steps: "checkpointEvery",
    gradient_checkpointing: "checkpointing",
    num_iterations: "iterations",
    ref_model_mixup_alpha: "referenceMixup",
    epochs: /counts in `steps` here/,
    num_train_epochs: /counts in `steps` here/,
    per_device_train_batch_size: /promptsPerStep × generations/,
    warmup_ratio: /learningRate: \{ peak, warmupRatio \}/,
    reward_funcs: /is `reward` here/,
    peft_config: /loadModel/,
    zebra: "is not an option",
  };
  for (const [key, wanted] of Object.entries(grpoNames)) {
    const said = told(grpoSchema, key);
    assert.ok(typeof wanted === "string" ? said === wanted : wanted.test(said), `${key}: ${said}`);
  }
  assert.equal(told(sftSchema, "per_device_train_batch_size"), "batchSize");
  assert.equal(told(sftSchema, "max_seq_length"), "maxLength");
  assert.equal(told(evaluateSchema, "num_samples"), "samples");
  assert.equal(told(loraSchema, "lora_alpha"), "alpha");
  assert.equal(told(loraSchema, "r"), "rank");
  assert.equal(told(loraSchema, "target_modules"), "targets");
});

Deno.test("parseOptions() points into schedules, lists and unions", () => {
  const found = problems(() =>
    parseOptions(
      rewardSchema,
      {
        components: { trace: { weight: { kind: "linear", from: 1, too: 2 } }, confidnce: { weight: 1 } },
      } as never,
      "reward",
    )
  );
  assert.deepEqual(found.map(({ path, nearest }) => [path, nearest]).sort(), [
    ["components.confidnce", "confidence"],
    ["components.trace.weight.to", undefined],
    ["components.trace.weight.too", "to"],
  ]);
  const shares = { source: "generator", count: 1, difficulty: { esay: 1 } };
  assert.deepEqual(
    problems(() => parseOptions(dataSchema, { train: [shares], test: [shares] } as never, "data")).map((
      each,
    ) => [
      each.path,
      each.nearest,
    ]),
    [["train[0].difficulty.esay", "easy"], ["test[0].difficulty.esay", "easy"]],
  );
  const data = problems(() =>
    parseOptions(runSchema, {
      version: 1,
      name: "x",
      model: { path: "m" },
      data: { train: [{ source: "genrator", count: 1 }], test: [{ source: "generator", count: 1 }] },
    } as never, "run")
  );
  assert.deepEqual(data.map(({ path, value, nearest }) => [path, value, nearest]), [
    ["data.train[0].source", "genrator", "generator"],
  ]);
});

Deno.test("grpoSchema's algorithm sets what the options don't", () => {
  const rloo = parseOptions(grpoSchema, { algorithm: "rloo" }, "grpo");
  assert.deepEqual([rloo.advantage, rloo.importance, rloo.loss, rloo.klInReward], [
    "rloo",
    "trajectory",
    "grpo",
    true,
  ]);
  const mixed = parseOptions(grpoSchema, { algorithm: "rloo", importance: "token" }, "grpo");
  assert.deepEqual([mixed.advantage, mixed.importance], ["rloo", "token"]);
  assert.equal(parseOptions(grpoSchema, { algorithm: "dapo" }, "grpo").epsilonHigh, 0.28);
  assert.equal(parseOptions(grpoSchema, { loss: "cispo" }, "grpo").epsilonHigh, 5);
});

Deno.test("an algorithm given in a cell wins over what the file's filled in, and not over what a person wrote", async () => {
  const read = (options: object) => {
    const { advantage, loss, importance, epsilon, epsilonHigh, klInReward, dropZeroVariance, maskTruncated } =
      parseOptions(grpoSchema, options, "grpo");
    return {
      advantage,
      loss,
      importance,
      epsilon,
      epsilonHigh,
      klInReward,
      dropZeroVariance,
      maskTruncated,
    };
  };
  const names = Object.keys(algorithms) as (keyof typeof algorithms)[];
  for (const before of [null, ...names]) {
    const text = configToYaml(
      await loadConfig(new URL("../../data/configs/demo.yaml", import.meta.url), {
        grpo: { algorithm: before, maskTruncated: true },
      }),
    );
    const folder = await Deno.makeTempDir(), file = `${folder}/config.yaml`;
    await Deno.writeTextFile(file, text);
    const { grpo } = await loadConfig(file);
    await Deno.remove(folder, { recursive: true });
    for (const algorithm of names) {
      const { klIn, ...preset } = algorithms[algorithm],
        want = { ...preset, klInReward: klIn === "reward", maskTruncated: true };
      assert.deepEqual(read({ ...grpo, algorithm }), want);
      assert.deepEqual(read(JSON.parse(JSON.stringify({ ...grpo, algorithm }))), want);
      // what the preset before filled in, written by hand in the cell
      const { advantage } = grpo;
      assert.deepEqual(read({ ...grpo, algorithm, advantage }), { ...want, advantage });
      const changed = structuredClone(grpo);
      changed.algorithm = algorithm;
      assert.deepEqual(read(changed), want);
    }
    grpo.importance = "sequence";
    assert.equal(read({ ...grpo, algorithm: "rloo" }).importance, "sequence");
    assert.equal(wholeOptions(grpo).importance, "sequence");
  }
});

Deno.test("settings are validated together", () => {
  const cases: [Parameters<typeof grpoSchema.parse>[0], string, RegExp][] = [
    [{ generations: 1 }, "generations", /at least 2.*group/],
    [
      { promptsPerStep: 3, generations: 3, gradientAccumulation: 2 },
      "gradientAccumulation",
      /must divide.*\(9\)/,
    ],
    [{ promptsPerStep: 2, generations: 4, microBatch: 9 }, "microBatch", /\(8\)/],
    [{ epsilon: 0.3, epsilonHigh: 0.2 }, "epsilonHigh", /below epsilon/],
    [{ epsilon: 0.3, algorithm: "dapo" }, "epsilon", /above the epsilonHigh of dapo, 0.28/],
    [{ epsilon: 0.3, dualClip: 1.2 }, "dualClip", /1 \+ epsilon/],
    [{ advantage: "rloo", normalizeThenSum: true }, "normalizeThenSum", /`group` only/],
    [{ loss: "cispo", epsilonHigh: null }, "epsilonHigh", /ScaleRL: 5/],
    [{ loss: "vespo", importance: "sequence" }, "importance", /`token` with loss `vespo`/],
    [{ dppo: 0.2, algorithm: "gspo" }, "dppo", /`token` ratios/],
    [
      { entropyTarget: 0.3, entropyCoef: { kind: "linear", from: 0, to: 0.1 } },
      "entropyCoef",
      /a number with entropyTarget/,
    ],
    [{ entropyCoefMin: 0.2, entropyCoefMax: 0.1 }, "entropyCoefMin", /above entropyCoefMax/],
    [{ klInReward: true, replay: 4 }, "replay", /does not go with klInReward/],
    [{ klInReward: true, normalizeThenSum: true }, "normalizeThenSum", /does not go with klInReward/],
    [{ beta: { kind: "linear", from: 0.1, to: -1 } }, "beta.to", /at least 0/],
    [{ temperature: { kind: "exponential", from: 1, to: 0 } }, "temperature.to", /above 0|sign/],
    [
      { learningRate: { peak: 1, warmupSteps: 1, warmupRatio: 1 } },
      "learningRate.warmupRatio",
      /one of the two/,
    ],
  ];
  for (const [options, path, rule] of cases) {
    const found = problems(() => parseOptions(grpoSchema, options as never, "grpo"));
    assert.ok(found.some((each) => each.path === path && rule.test(each.rule)), JSON.stringify(found));
  }
  assert.deepEqual(
    problems(() => parseOptions(evaluateSchema, { samples: 4, passAt: [1, 8] }, "evaluate")).map((each) =>
      each.path
    ),
    ["samples", "passAt"],
  );
});

Deno.test("whatever stands in an option, parseOptions() accepts it or names the option", () => {
  const junk = [
    NaN,
    Infinity,
    -1,
    0.5,
    "x",
    "",
    true,
    null,
    [],
    {},
    [{}],
    { kind: "linear" },
    { kind: {} },
    () => 1,
  ];
  let refused = 0;
  for (const schema of [sftSchema, evaluateSchema, grpoSchema]) {
    for (const key of Object.getOwnPropertyNames(parseOptions(schema as typeof sftSchema, {}, "stage"))) {
      for (const value of junk) {
        try {
          parseOptions(schema as typeof sftSchema, { [key]: value } as never, "stage");
        } catch (error) {
          assert.ok(error instanceof ConfigError, `${key}: ${error}`);
          assert.ok(
            error.problems.some(({ path }) => path.split(/[.[]/)[0] === key),
            `${key}: ${error.message}`,
          );
          refused++;
        }
      }
    }
  }
  assert.ok(refused > 400, String(refused));
});

Deno.test("nearest() finds slips and stays silent on strangers", () => {
  const keys = ["learningRate", "beta", "maxTokens"];
  assert.equal(nearest("learning_rate", keys), "learningRate");
  assert.equal(nearest("btea", keys), "beta");
  assert.equal(nearest("maxToken", keys), "maxTokens");
  assert.equal(nearest("zebra", keys), undefined);
});
