import assert from "node:assert/strict";
import { anneal, compositeReward, ConfigError, loadConfig, traceStructure } from "../../mod.ts";
import { rewardSchema } from "../../lib/rewards/reward_schema.ts";
import { components } from "../../lib/rewards/components.ts";
import type { CompositeOptions } from "../../lib/rewards/composite.ts";
import { rewardPresets } from "../../lib/rewards/reward_presets.ts";
import type { RewardFunction } from "../../lib/rewards/reward.ts";
import { sampleOf } from "./reward_sample.ts";

const near = (actual: number | null, expected: number) =>
  assert.ok(actual !== null && Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

const text = "<reasoning>Step 1: 5 + 3 = 8. Step 2: Verify. Therefore 8.</reasoning><answer>8</answer>";

Deno.test("every component of SPEC section 2 can be named in YAML, and every name builds", async () => {
  const named = Object.keys(components).sort();
  assert.deepEqual(named, [
    "computationalGraph",
    "confidence",
    "correctness",
    "cosineLength",
    "formatCompliance",
    "lengthBonus",
    "missingTags",
    "numericFormat",
    "overlong",
    "repeatedNgrams",
    "repetition",
    "rubric",
    "trace",
    "verbosity",
  ]);
  const tokens = text.split(/(?<=[ >])/), tokenLogprobs = tokens.map(() => -0.1);
  for (const name of named) {
    const { components } = rewardSchema.parse({ components: { [name]: { weight: 2 } } });
    const [result] = await compositeReward({ components } as CompositeOptions).score([
      sampleOf(text, { tokens, tokenLogprobs }),
    ]);
    assert.equal(typeof result.components[name].score, "number", name);
    near(result.total, 2 * result.components[name].score!);
  }
});

Deno.test("compositeReward() knows the presets of all five reference systems", async () => {
  const names = ["r1", "r2", "r3", "r4", "r5"] as const;
  assert.deepEqual(Object.keys(rewardPresets), [...names]);
  const tokens = text.split(/(?<=[ >])/), tokenLogprobs = tokens.map(() => -0.1);
  const earned: Record<string, number> = {};
  for (const preset of names) {
    const reward = compositeReward({ preset });
    const [{ total, components }] = await reward.score([sampleOf(text, { tokens, tokenLogprobs })]);
    for (const { error } of Object.values(components)) assert.equal(error, undefined);
    earned[preset] = total;
    const saved = JSON.parse(JSON.stringify(reward));
    assert.deepEqual(JSON.parse(JSON.stringify(compositeReward(saved))), saved, `${preset} saves and loads`);
    const [again] = await compositeReward(saved).score([sampleOf(text, { tokens, tokenLogprobs })]);
    assert.equal(again.total, total);
  }
  // r1: correct 2; number and format .5 each; "Step 2: Verify" does no work, so trace has two pieces of three
  near(earned.r1, 2 + 0.5 + 0.5 * (0.4 + 0.35 * 2 / 3 + 0.25) + 0.5);
  near(earned.r2, 0); // no graph
  // r3 at step 0: .4 + .45 + .15·(−.1 + 10)/9.9, no verbosity
  near(earned.r3, 0.4 + 0.45 + 0.15);
  near(earned.r5, 1);
});

Deno.test("compositeReward() adds r4's rubric, penalties and bonus", async () => {
  const reward = compositeReward({ preset: "r4" });
  const score = async (completion: string) => (await reward.score([sampleOf(completion)]))[0];
  // The answer alone: 30 of 100 points, and missing tags.
  near((await score("<answer>8</answer>")).total, 0.3 - 0.5);
  // words: Then 5 3 8 | said again: runs "then 5 3", "5 3 8" repeat; 7 words with tags
  const twice = "<reasoning>Then 5 + 3 = 8. Then 5 + 3 = 8.</reasoning><answer>8</answer>";
  const { components } = await score(twice);
  // <reasoning> Then 5 3 8 Then 5 3 8 </reasoning> <answer> 8 </answer>: 13 words, 11 runs, two of them old
  near(components.repetition.score, 2 / 11);
  near(components.lengthBonus.score, 6 / 15);
  assert.equal(components.missingTags.score, 0);
  near(
    (await score(twice)).total,
    components.rubric.score! - 0.1 * 2 / 11 + 0.1 * 6 / 15,
  );
});

Deno.test("compositeReward() has both of R3's modes, as objects and from YAML", async () => {
  // 900 characters of reasoning, 300 tokens of which a second half are repeated: a wrong answer
  const tokens = ["<reasoning>", ...Array(300).fill("abc"), "</reasoning>", "<answer>", "9", "</answer>"];
  const sample = sampleOf(tokens.join(""), { tokens, tokenLogprobs: tokens.map(() => -1), step: 100 });
  // trace: four tags .4 and one piece longer than 10 characters, .35/3
  const trace = 0.35 * (0.4 + 0.35 / 3);
  const [ours] = await compositeReward({ preset: "r3" }).score([sample]);
  // q = 9/9.9, wrong: 1 − q; verbosity .05·(300 − 150)/50
  near(ours.total, trace + 0.15 * (1 - 9 / 9.9) - 0.15);
  const original: CompositeOptions = {
    preset: "r3",
    components: { confidence: { weight: 0.15, from: "length" }, verbosity: { weight: -1, unit: "chars" } },
  };
  const [theirs] = await compositeReward(original).score([sample]);
  // max(0, .6 − 900/400) = 0; verbosity .05·(900 − 600)/200
  near(theirs.total, trace + 0 - 0.075);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/original.yaml`,
      "version: 1\nname: original\nmodel: { path: ./m }\n" +
        "data: { train: [{ source: generator, count: 1 }], test: [{ source: generator, count: 1 }] }\n" +
        "reward:\n  preset: r3\n  components:\n    confidence: { weight: 0.15, from: length }\n" +
        "    verbosity: { weight: -1, unit: chars }\n",
    );
    const config = await loadConfig(`${folder}/original.yaml`);
    const [loaded] = await compositeReward(config.reward).score([sample]);
    near(loaded.total, theirs.total);
    assert.equal((compositeReward(config.reward).toJSON() as { floor: number }).floor, 0, "r3's");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("compositeReward() leaves the sum of what could be judged: no weight moves to the others", async () => {
  const reward = compositeReward({
    components: { correctness: { weight: 3 }, unsure: { weight: 5, reward: () => null } },
  });
  const [{ total, components }] = await reward.score([sampleOf(text)]);
  assert.equal(total, 3);
  assert.deepEqual(components.unsure, { score: null, weight: 5 });
  const [none] = await reward.score([sampleOf(text, { answer: "" })]);
  assert.equal(none.total, 0, "nothing could be judged");
});

Deno.test("compositeReward() mixes functions with our components, weights being numbers or anneal(...)", async () => {
  const reward = compositeReward({
    preset: "r3",
    components: {
      trace: { weight: 0.3, reward: traceStructure({ guard: true }) },
      short: {
        weight: anneal({ kind: "cosine", from: 1, to: 3 }),
        reward: ({ completion }) => completion.length < 200 ? 1 : 0,
      },
      later: { weight: { kind: "step", from: 0, to: 1 }, reward: async () => await Promise.resolve(0.25) },
      fixed: { weight: anneal(0.5), reward: () => 1 },
    },
  });
  assert.deepEqual(reward.names, [
    "correctness",
    "trace",
    "confidence",
    "verbosity",
    "short",
    "later",
    "fixed",
  ]);
  const at = (step: number) => reward.weights(step, 200);
  near(at(0).short, 1);
  near(at(100).short, 2);
  assert.deepEqual([at(99).later, at(100).later, at(0).fixed, at(50).trace], [0, 1, 0.5, 0.3]);
  const [{ components }] = await reward.score([sampleOf(text, { step: 200 })]);
  assert.deepEqual([components.short, components.later], [{ score: 1, weight: 3 }, {
    score: 0.25,
    weight: 1,
  }]);
  const saved = JSON.parse(JSON.stringify(reward));
  assert.deepEqual(saved.components.short, {
    weight: { kind: "cosine", from: 1, to: 3 },
    reward: "reward",
  });
  assert.throws(
    () => compositeReward(saved),
    /components\.short\.reward = "reward" must be a function; .*again/,
  );
});

Deno.test("compositeReward() survives every way in which a user's reward can go wrong, and counts each", async () => {
  const silent = {
    get message() {
      throw new Error("no message either");
    },
  };
  const rewards: Record<string, [reward: unknown, error: RegExp]> = {
    throws: [() => {
      throw new Error("broken");
    }, /^broken$/],
    "throws a text": [() => {
      throw "broken";
    }, /^threw broken$/],
    "throws nothing": [() => {
      throw undefined;
    }, /^threw undefined$/],
    "throws what is no text": [() => {
      throw Object.create(null);
    }, /^threw something that is no text$/],
    "throws an error whose message throws": [() => {
      throw Object.setPrototypeOf(silent, Error.prototype);
    }, /^threw something that is no text$/],
    "throws a long message": [() => {
      throw new Error("x".repeat(1e6));
    }, /^x{300}…$/],
    rejects: [() => Promise.reject(new Error("no")), /^no$/],
    "rejects with null": [() => Promise.reject(null), /^threw null$/],
    "never settles": [() => new Promise(() => {}), /^timed out after 30 ms$/],
    "settles too late": [() => new Promise((resolve) => setTimeout(resolve, 60, 1)), /^timed out/],
    "never calls back": [() => ({ then: () => {} }), /^timed out after 30 ms$/],
    NaN: [() => NaN, /^returned NaN; a reward is a finite number, or null/],
    Infinity: [() => Promise.resolve(Infinity), /^returned Infinity/],
    undefined: [() => {}, /^returned undefined/],
    text: [() => "1", /^returned "1"/],
    true: [() => true, /^returned true/],
    bigint: [() => 1n, /^returned 1;/],
    object: [() => ({ score: 1 }), /^returned an object/],
    symbol: [() => Symbol("s"), /^returned Symbol/],
    "changes its sample": [(sample: { completion: string }) => {
      sample.completion = "<answer>8</answer>";
      return 1;
    }, /read only|read-only|assign/],
  };
  const reward = compositeReward({
    components: {
      ...Object.fromEntries(
        Object.entries(rewards).map((
          [name, [reward]],
        ) => [name, { weight: 1, reward: reward as RewardFunction }]),
      ),
      correctness: { weight: 1 },
      thenable: { weight: 1, reward: (() => ({ then: (done: (n: number) => void) => done(0.5) })) as never },
    },
    timeoutMs: 30,
  });
  const results = await reward.score([sampleOf(text), sampleOf("<answer>9</answer>")]);
  assert.deepEqual(results.map(({ total }) => total), [1.5, 0.5]);
  for (const [name, [, error]] of Object.entries(rewards)) {
    assert.equal(results[0].components[name].score, null, name);
    assert.match(results[0].components[name].error ?? "none", error, name);
    assert.deepEqual(Object.values(reward.failures[name]), [2], name);
  }
  assert.ok(!("correctness" in reward.failures));
  const shown = Deno.inspect(reward);
  assert.match(shown, /throws\s+1\s+2 × broken/);
  assert.match(shown, /never settles\s+1\s+2 × timed out after 30 ms/);
});

Deno.test("compositeReward() refuses options with every problem at once", () => {
  const problems = (options: unknown) => {
    try {
      compositeReward(options as CompositeOptions);
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return Object.fromEntries(error.problems.map(({ path, rule, nearest }) => [path, [rule, nearest]]));
    }
    throw new Error("nothing was refused");
  };
  const own = "is no component of ours; one of yours brings its function as `reward`";
  assert.deepEqual(
    problems({
      preset: "r9",
      components: {
        corectness: { weight: 1 },
        rubricJudge: { weight: 1 },
        trace: { wieght: 1 },
        confidence: { weight: "much", from: "nowhere" },
        mine: { weight: 1, reward: 3 },
        lengthBonus: { weight: 1, min: 30, max: 20 },
        verbosity: { weight: -1, baseURL: null },
        rubric: { weight: 1, baseURL: "http://localhost:8000/v1" },
      },
      florr: 0,
      timeoutMs: 0,
    }),
    {
      preset: ["must be one of r1, r2, r3, r4, r5", "r1"],
      "components.corectness": [own, "correctness"],
      "components.rubricJudge": [own, "rubric"],
      "components.trace.weight": ["must be a number, or a group of options", undefined],
      "components.trace.wieght": ["is not an option", "weight"],
      "components.confidence.weight": ["must be a number, or a group of options", undefined],
      "components.confidence.from": ["must be one of logprobs, length", undefined],
      "components.mine.reward": [
        "must be a function; a saved configuration keeps only its name, so pass the function again",
        undefined,
      ],
      "components.lengthBonus.max": ["must not be below `min`", undefined],
      "components.verbosity.baseURL": ["is not an option", undefined],
      "components.rubric.model": ["must name the judge at baseURL", undefined],
      florr: ["is not an option", "floor"],
      timeoutMs: ["must be at least 1", undefined],
    },
  );
  assert.deepEqual(Object.keys(problems({})), ["components"]);
  assert.deepEqual(Object.keys(problems({ preset: null, components: {} })), ["components"]);
  for (const junk of [null, 3, "r3", []]) assert.throws(() => compositeReward(junk as never), ConfigError);
  for (const junk of [null, 3, "x", []]) {
    assert.throws(() => compositeReward({ components: junk as never }), ConfigError);
    assert.throws(() => compositeReward({ components: { correctness: junk as never } }), ConfigError);
  }
});

Deno.test("a wrong option of a component fails in the editor, and when it runs", () => {
  const wrong: (() => unknown)[] = [
    // @ts-expect-error trace has `guard`
    () => compositeReward({ components: { trace: { weight: 1, gaurd: true } } }),
    // @ts-expect-error `from` is confidence's
    () => compositeReward({ components: { trace: { weight: 1, from: "length" } } }),
    // @ts-expect-error tokens or chars
    () => compositeReward({ components: { verbosity: { weight: -1, unit: "words" } } }),
    // @ts-expect-error a weight is a number or a schedule
    () => compositeReward({ components: { correctness: { weight: "much" } } }),
    // @ts-expect-error every component has a weight
    () => compositeReward({ components: { rubric: { retries: 1 } } }),
    // @ts-expect-error one of yours is a function
    () => compositeReward({ components: { mine: { weight: 1, reward: 3 } } }),
    // @ts-expect-error there is no r9
    () => compositeReward({ preset: "r9" }),
  ];
  for (const make of wrong) assert.throws(make, ConfigError);
});
