/** What a cell passes wrongly to the lab, the card, the schedules and a new model: one sentence each, never a raw TypeError of ours. */
import assert from "node:assert/strict";
import { generateProblems } from "../../lib/data/generator.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { ablateReward } from "../../lib/lab/ablate_reward.ts";
import { graphLoopholes } from "../../lib/lab/graph_loopholes.ts";
import { huntLoopholes } from "../../lib/lab/hunt_loopholes.ts";
import { inspectReward } from "../../lib/lab/inspect_reward.ts";
import { loopholes } from "../../lib/lab/loopholes.ts";
import { createModel } from "../../lib/models/create_model.ts";
import { tinyGemmaConfig } from "../../lib/models/tiny_gemma.ts";
import { compositeReward } from "../../lib/rewards/composite.ts";
import { listRuns } from "../../lib/report/list_runs.ts";
import { runCard } from "../../lib/report/run_card.ts";
import { runsPage } from "../../lib/report/runs_page.ts";
import { tinyModel } from "../training/tiny_model.ts";

await useBackend({ backend: "cpu", threads: 1 });

const [problem] = generateProblems({ count: 1, seed: 1 }), r3 = compositeReward({ preset: "r3" });
const one = { completion: "<answer>8</answer>", problem: { question: "5 + 3?", answer: "8" } };
const { tokenizer } = tinyModel(), shape = tinyGemmaConfig(tokenizer.vocabularySize);

const refused: [name: string, call: () => unknown, message: RegExp][] = [
  [
    "inspectReward without a reward",
    () => inspectReward(undefined as never, one),
    /a reward is a function of a sample/,
  ],
  [
    "inspectReward without a completion",
    () => inspectReward(r3, undefined as never),
    /a completion to score must be a group of options/,
  ],
  [
    "ablateReward without rewards",
    () => ablateReward(undefined as never, [one]),
    /ablateReward's first argument must be a group/,
  ],
  ["ablateReward of no reward", () => ablateReward({}, [one]), /must hold at least one reward/],
  [
    "ablateReward of a text",
    () => ablateReward({ r3: "r3" } as never, [one]),
    /`r3` of ablateReward's first argument/,
  ],
  [
    "ablateReward without cases",
    () => ablateReward({ r3 }, undefined as never),
    /ablateReward's second argument/,
  ],
  ["ablateReward of no case", () => ablateReward({ r3 }, []), /at least one case/],
  [
    "ablateReward's options",
    () => ablateReward({ r3 }, [one], { score: false } as never),
    /did you mean `scores`/,
  ],
  [
    "huntLoopholes without rewards",
    () => huntLoopholes(null as never, problem),
    /huntLoopholes' first argument/,
  ],
  [
    "huntLoopholes without a problem",
    () => huntLoopholes({ r3 }, undefined as never),
    /huntLoopholes needs problems such as/,
  ],
  [
    "huntLoopholes' options",
    () => huntLoopholes({ r3 }, problem, { only: "tags" } as never),
    /only = "tags" must be a regular expression/,
  ],
  ["loopholes without a problem", () => loopholes("5 + 3?" as never), /loopholes needs problems such as/],
  ["loopholes' options", () => loopholes(problem, { fromat: "graph" } as never), /did you mean `format`/],
  [
    "graphLoopholes without a problem",
    () => graphLoopholes(undefined as never),
    /graphLoopholes needs problems such as/,
  ],
  ["runCard of nothing", () => runCard(undefined as never), /runCard's argument must be a group/],
  [
    "runCard of no runs",
    () => runCard({ config: {}, runs: [3], evaluations: {} } as never),
    /item 0 of `runs`/,
  ],
  [
    "runCard of no evaluations",
    () => runCard({ config: {}, runs: [], evaluations: { base: 3 } } as never),
    /`base` of `evaluations`/,
  ],
  [
    "createModel of nothing",
    () => createModel(undefined as never, { tokenizer }),
    /createModel's first argument/,
  ],
  [
    "createModel of another file",
    () => createModel({ hidden_size: 32 } as never, { tokenizer }),
    /vocabSize = nothing must be/,
  ],
  [
    "createModel whose heads cannot be shared",
    () => createModel({ ...shape, kvHeads: 3 }, { tokenizer }),
    /kvHeads = 3 must divide the 4 heads/,
  ],
  [
    "createModel with a layer too many",
    () => createModel({ ...shape, layers: 5 }, { tokenizer }),
    /layerWindows = .* each of 5 layers/,
  ],
  [
    "createModel without a tokenizer",
    () => createModel(shape, {} as never),
    /tokenizer = nothing must be a tokenizer, as loadTokenizer/,
  ],
  ["createModel's options", () => createModel(shape, { tokenizer, sead: 3 } as never), /did you mean `seed`/],
  ["listRuns of runs", () => listRuns([] as never), /listRuns' argument must be the path of a folder/],
  ["runsPage without a page", () => runsPage("results", undefined as never), /runsPage's second argument/],
];

for (const [name, call, message] of refused) {
  Deno.test(`a sentence for ${name}`, async () => {
    await assert.rejects(async () => await call(), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(
        error.message,
        /Cannot (read|destructure|use)|is not (a function|iterable)|undefined \(/,
      );
      return true;
    });
  });
}

Deno.test("the lab takes functions of a sample where it takes composites, and one reward by itself", async () => {
  const short = ({ completion }: { completion: string }) => completion.length < 30 ? 1 : 0;
  assert.equal((await inspectReward(short, one)).total, 1);
  const { configs, cases } = await ablateReward({ short, r3: { preset: "r3" } }, [one]);
  assert.deepEqual([configs, cases[0].totals.short], [["short", "r3"], 1]);
  assert.deepEqual((await huntLoopholes(r3 as never, problem)).rewards, ["reward"]);
});
