import assert from "node:assert/strict";
import { openRlhfOptions } from "../../lib/cluster/openrlhf/openrlhf_options.ts";
import type { OptionFate } from "../../lib/cluster/option_fate.ts";
import { trlOptions } from "../../lib/cluster/trl/trl_options.ts";
import { verlOptions } from "../../lib/cluster/verl/verl_options.ts";
import { type ConfigOverrides, loadConfig } from "../../lib/config/load_config.ts";

type Names = Record<string, string[]>;
/** Names that the engines know: TRL's data classes, OpenRLHF's argument parsers, verl's configuration. */
const known: Record<"trl" | "openrlhf" | "verl", Names> = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/engine_options.json", import.meta.url)),
);
const lora = { model: { lora: { rank: 16, alpha: 32 } } };
const engines = { trl: trlOptions, openrlhf: openRlhfOptions, verl: verlOptions };
/** Ours beside theirs, which the scripts take out again. */
const own: Record<string, string[]> = { trl: ["trainer", "global_batch_size"], openrlhf: [], verl: [] };

for (const [engine, translate] of Object.entries(engines) as [keyof typeof engines, typeof trlOptions][]) {
  for (const preset of ["demo", "r1", "r2", "r3", "r4", "r5", "smollm2"]) {
    Deno.test(`${engine}: every option of ${preset} has a fate, and every name is one that the engine knows`, async () => {
      const config = await loadConfig(preset, preset === "demo" ? lora as ConfigOverrides : {});
      const { files, fates } = translate(config);
      for (const section of ["sft", "grpo"] as const) {
        const said = new Set(
          fates.filter(({ option }) => option.startsWith(`${section}.`)).map(({ option }) => option),
        );
        for (const key of Object.keys(config[section])) {
          assert.ok(said.has(`${section}.${key}`), `${section}.${key}`);
        }
        const names =
          known[engine][section === "grpo" && preset === "r5" && engine === "trl" ? "rloo" : section];
        for (const name of Object.keys(files[`${section}.json`])) {
          // a mapping may be given whole
          const there = names.some((other) => other === name || other.startsWith(`${name}.`)) ||
            own[engine].includes(name);
          assert.ok(there, `${section}: ${name} is no option of ${engine}`);
        }
      }
      for (const name of Object.keys(files["lora.json"] ?? {})) {
        assert.ok(known.trl.lora.includes(name), `lora: ${name}`);
      }
    });
  }
}

const fateOf = (fates: OptionFate[], option: string) => fates.find((fate) => fate.option === option)!;

Deno.test("options that mean the same have the same values there", async () => {
  const config = await loadConfig("demo", {
    grpo: {
      epsilonHigh: 0.28,
      beta: 0.04,
      learningRate: { kind: "cosine", peak: 1e-4, warmupRatio: 0.1 },
      steps: 50,
      minP: 0,
    },
  });
  const { "grpo.json": trl } = trlOptions(config).files;
  assert.deepEqual(
    [
      trl.beta,
      trl.epsilon,
      trl.epsilon_high,
      trl.learning_rate,
      trl.lr_scheduler_type,
      trl.warmup_steps,
      trl.min_p,
    ],
    [0.04, 0.2, 0.28, 1e-4, "cosine", 5, null],
  );
  assert.equal(trl.generation_batch_size, 8 * 8);
  const { "grpo.json": verl } = verlOptions(config).files, actor = "actor_rollout_ref.actor";
  assert.deepEqual(
    [
      verl[`${actor}.clip_ratio_low`],
      verl[`${actor}.clip_ratio_high`],
      verl[`${actor}.use_kl_loss`],
      verl[`${actor}.kl_loss_coef`],
    ],
    [0.2, 0.28, true, 0.04],
  );
  assert.equal(verl[`${actor}.loss_agg_mode`], "seq-mean-token-mean");
  const { "grpo.json": openrlhf } = openRlhfOptions(config).files;
  assert.deepEqual(openrlhf["actor.eps_clip_low_high"], [0.2, 0.28]);
  assert.equal(openrlhf["algo.advantage.estimator"], "group_norm");
  assert.equal(openrlhf["data.max_samples"], 50 * 8);
});

Deno.test("what an engine lacks is said, with what happens instead, and never left out in silence", async () => {
  const config = await loadConfig("demo", {
    grpo: {
      normalizeThenSum: true,
      dropZeroVariance: true,
      temperature: { kind: "linear", from: 1, to: 0.7 },
      minP: 0.05,
    },
  });
  const trl = trlOptions(config).fates,
    verl = verlOptions(config).fates,
    openrlhf = openRlhfOptions(config).fates;
  assert.equal(fateOf(trl, "grpo.dropZeroVariance").fate, "none");
  assert.match(fateOf(trl, "grpo.dropZeroVariance").note!, /stay in the batch/);
  for (const fates of [trl, verl, openrlhf]) {
    assert.equal(fateOf(fates, "grpo.normalizeThenSum").fate, "none");
    assert.equal(fateOf(fates, "grpo.temperature").fate, "approximated");
    assert.match(fateOf(fates, "grpo.temperature").note!, /its first value/);
  }
  assert.equal(fateOf(verl, "grpo.minP").fate, "none");
  assert.equal(fateOf(trl, "grpo.minP").fate, "same");
});
