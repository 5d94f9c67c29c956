/** What people hand to the stages, checkpoints that another run goes on from, and two runs in one folder. */
import { join } from "node:path";
import { inFolder, refusal, type Replays, type Run, type Tree } from "./replay.ts";

const small = { promptsPerStep: 2, generations: 4, maxTokens: 6 };

const longOf = ({ tiny }: Tree) => ({ ...tiny.problems[0], id: "long", question: "7 plus ".repeat(600) });

/** What a run with this reward comes to. */
async function rewarded({ showwork, tiny }: Tree, reward: unknown): Promise<string | null> {
  const model = tiny.tinyModel(), options = { ...small, steps: 1, reward: reward as never };
  const refused = await refusal(() => showwork.grpo(model, tiny.problems, options));
  model.dispose();
  return refused;
}

/** Tiny SFT that a signal ends after 3 of 6 steps, and what going on with other things comes to. */
function goingOn(
  tree: Tree,
  change: { problems?: Tree["tiny"]["problems"]; began?: Lora; now?: Lora },
): Promise<string | null> {
  const { showwork, tiny } = tree, problems = tiny.problems.slice(0, 20);
  const modelWith = (lora?: Lora) => {
    const model = tiny.tinyModel();
    if (lora) model.addLora(lora);
    return model;
  };
  return inFolder(async (checkpoints) => {
    const stop = new AbortController(), model = modelWith(change.began);
    await showwork.sft(model, problems, {
      steps: 6,
      batchSize: 4,
      checkpoints,
      signal: stop.signal,
      onStep: ({ step }) => step === 3 && stop.abort(),
    });
    return await refusal(() => tree.goOn(checkpoints, modelWith(change.now), change.problems ?? problems));
  });
}

interface Lora {
  rank: number;
  alpha: number;
  targets: string[];
}

const lora: Lora = { rank: 2, alpha: 8, targets: ["q_proj", "k_proj"] };

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

/** Refused for what is wrong, and not by a crash. */
const refusedBy = (what: RegExp, refused: string | null) => ({
  came: refused ?? "goes on",
  right: refused !== null && what.test(refused) && !/^TypeError/.test(refused),
});

/** Inputs of the kinds B2, C2, E1 and E2. */
export const replays: Replays = {
  "grpo on 12 problems and one of 1,209 tokens": async (tree) => {
    const { showwork, tiny } = tree, model = tiny.tinyModel();
    let steps = 0;
    const refused = await refusal(async () => {
      const problems = [...tiny.problems.slice(0, 12), longOf(tree)];
      const run = await showwork.grpo(model, problems, { ...small, steps: 12, reward: tiny.digits });
      steps = run.steps.length;
    });
    model.dispose();
    return { came: refused ?? `${steps} steps`, right: steps === 12 };
  },
  "evaluate on 3 problems and the same long one": async (tree) => {
    const { showwork, tiny } = tree, model = tiny.tinyModel();
    try {
      const evaluation = await showwork.evaluate(model, [...tiny.problems.slice(0, 3), longOf(tree)], {
        maxTokens: 4,
      });
      const { answered, tooLong } = evaluation.problems;
      return { came: `${answered} answered, ${tooLong} too long`, right: answered === 3 && tooLong === 1 };
    } catch (error) {
      return { came: `${error}`, right: false };
    } finally {
      model.dispose();
    }
  },
  "grpo(reward: {score: async () => [one result], ...}) for 8 completions": async (tree) => {
    const counted = (count: number) => ({
      ...tree.tiny.digits,
      score: () =>
        Promise.resolve(
          Array.from(
            { length: count },
            () => ({ total: 1, components: { digits: { score: 1, weight: 1 } } }),
          ),
        ),
    });
    const few = await rewarded(tree, counted(1)), many = await rewarded(tree, counted(9));
    return {
      came: `one: ${few}; nine: ${many}`,
      right: /\b8\b/.test(few ?? "") && /\b1\b/.test(few ?? "") && /\b9\b/.test(many ?? ""),
    };
  },
  "grpo(model, problems, {reward: () => 1})": async (tree) => {
    const refused = await rewarded(tree, () => 1);
    return { came: refused ?? "runs", right: refused === null || /compositeReward/.test(refused) };
  },
  "evaluate(model, [{question, answer: 8}])": async ({ showwork, tiny }) => {
    const model = tiny.tinyModel(), problems = [{ question: "What is 3 plus 5?", answer: 8 }] as never;
    const refused = await refusal(() => showwork.evaluate(model, problems, { maxTokens: 4 }));
    model.dispose();
    return {
      came: refused ?? "evaluated",
      right: refused === null || /answer/.test(refused) && !/trim/.test(refused),
    };
  },
  "sft stopped at step 3 of 6 on 20 problems, resume with 6 of them": async (tree) =>
    refusedBy(/20 problems.* 6/, await goingOn(tree, { problems: tree.tiny.problems.slice(0, 6) })),
  "resume with 20 other problems, or 60": async (tree) => {
    const others = tree.tiny.problems.slice(0, 20).map((problem) => ({
      ...problem,
      question: `Now: ${problem.question}`,
    }));
    const first = refusedBy(/20/, await goingOn(tree, { problems: others }));
    const more = refusedBy(
      /20 problems.* 60/,
      await goingOn(tree, { problems: [...others, ...others, ...others] }),
    );
    return { came: `${first.came}; ${more.came}`, right: first.right && more.right };
  },
  "checkpoint of LoRA on q_proj,k_proj; model with LoRA on q_proj only": async (tree) =>
    refusedBy(/k_proj/, await goingOn(tree, { began: lora, now: { ...lora, targets: ["q_proj"] } })),
  "checkpoint of LoRA alpha 8; model with alpha 64": async (tree) =>
    refusedBy(/alpha|α/, await goingOn(tree, { began: lora, now: { ...lora, alpha: 64 } })),
  "two sft runs at once, 12 steps, checkpointEvery 1, same checkpoints folder": (tree) =>
    inFolder(async (checkpoints) => {
      const { showwork, tiny } = tree;
      const start = (seed: number) =>
        showwork.sft(tiny.tinyModel(), tiny.problems, {
          steps: 12,
          batchSize: 4,
          checkpoints,
          checkpointEvery: 1,
          seed,
        });
      const ended = await Promise.allSettled([start(1), start(2)]);
      const runs = ended.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
      const kept = await Promise.all(runs.map(({ checkpoint }: Run) => exists(checkpoint!)));
      const refused = ended.flatMap((one) => one.status === "rejected" ? [`${one.reason}`] : []);
      const apart = new Set(runs.map(({ checkpoint }) => checkpoint)).size === runs.length;
      return {
        came: `${runs.length} ended, ${
          kept.filter(Boolean).length
        } with their checkpoint; refused: ${refused.length}`,
        right: runs.length > 0 && kept.every(Boolean) && apart,
      };
    }),
  "a fresh run in the folder of a finished one": (tree) =>
    inFolder(async (folder) => {
      const { showwork, tiny } = tree, checkpoints = join(folder, "kept");
      const run = (seed: number) =>
        showwork.sft(tiny.tinyModel(), tiny.problems, {
          steps: 4,
          batchSize: 4,
          checkpoints,
          checkpointEvery: 1,
          seed,
        });
      const { checkpoint } = await run(1), refused = await refusal(() => run(2));
      const kept = await exists(checkpoint!);
      return { came: refused ?? (kept ? "both kept" : "the first one's are gone"), right: kept };
    }),
};
