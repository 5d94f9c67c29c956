import assert from "node:assert/strict";
import { join } from "node:path";
import { exportProject, ProjectExportError } from "../../lib/cluster/export_project.ts";
import { type ConfigOverrides, loadConfig } from "../../lib/config/load_config.ts";
import { r3Curriculum } from "../../lib/schedules/curriculum.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { compositeReward } from "../../lib/rewards/composite.ts";
import { evaluate } from "../../lib/stages/evaluate.ts";

const small: ConfigOverrides = {
  model: { lora: { rank: 8, alpha: 16 } },
  data: {
    train: [{ source: "generator", count: 120 }],
    test: [{ source: "generator", count: 20, seed: 1000001 }],
  },
  sft: { steps: 60, batchSize: 16, learningRate: 5e-3, maxLength: 256 },
  grpo: { steps: 4, promptsPerStep: 2, generations: 8, learningRate: 1e-3, maxTokens: 64 },
  reward: {
    preset: "r3",
    components: {
      repetition: { weight: -0.3 },
      lengthBonus: { weight: 0.4, min: 4, max: 20 },
      missingTags: { weight: -0.2 },
    },
    floor: null,
  },
};

async function lines(...path: string[]): Promise<Record<string, unknown>[]> {
  return (await Deno.readTextFile(join(...path))).trim().split("\n").map((line) => JSON.parse(line));
}

for (const engine of ["trl", "verl", "openrlhf"] as const) {
  Deno.test(`exportProject() for ${engine} writes data in the curriculum's order, options, scripts and a README that tells what is lost`, async () => {
    const parent = await Deno.makeTempDir(), dir = join(parent, "project");
    try {
      const config = await loadConfig("demo", {
        ...small,
        grpo: { ...small.grpo, steps: 10, dropZeroVariance: true },
        teacher: { path: "tiny-gemma" },
        curriculum: r3Curriculum,
      });
      const { files, options } = await exportProject(dir, config, { engine });
      for (const name of files) assert.ok((await Deno.stat(join(dir, name))).size > 0, name);
      const drawn = await lines(dir, "data", "grpo.jsonl");
      assert.equal(drawn.length, 10 * 2);
      const difficulties = drawn.map(({ problem }) => JSON.parse(problem as string).difficulty);
      assert.deepEqual(new Set(difficulties.slice(0, 6)), new Set(["easy"]), "30 % of the run are easy");
      assert.ok(!difficulties.slice(0, 14).includes("hard"));
      assert.deepEqual(drawn.map(({ phase }) => phase), [
        ...Array(6).fill("easy"),
        ...Array(8).fill("medium"),
        ...Array(6).fill("hard"),
      ]);
      const [taught] = await lines(dir, "data", "sft.jsonl") as {
        prompt: unknown;
        completion: { content: string }[];
      }[];
      assert.match(taught.completion[0].content, /^<reasoning>.*<\/reasoning><answer>.*<\/answer>$/s);
      const page = await Deno.readTextFile(join(dir, "README.md"));
      assert.equal(options.find(({ option }) => option === "teacher")?.fate, "none");
      for (const { option } of options) assert.ok(page.includes(`| ${option} |`), option);
      assert.match(
        page,
        engine === "trl"
          ? /dropZeroVariance \| true \| – \| \*\*not there\*\*/
          : /dropZeroVariance \| true \| [^|]+ \| approximated/,
      );
      assert.equal(
        options.find(({ option }) => option === "curriculum")!.fate,
        engine === "openrlhf" ? "none" : "same",
        "OpenRLHF shuffles",
      );
      const back = await loadConfig(join(dir, "config.yaml"));
      assert.equal(back.grpo.steps, 10);
      const script = new Deno.Command("bash", { args: ["-n", join(dir, "run.sh")] });
      assert.ok((await script.output()).success, "run.sh is no shell script");
      await assert.rejects(exportProject(dir, config, { engine }), ProjectExportError);
    } finally {
      await Deno.remove(parent, { recursive: true });
    }
  });
}

Deno.test("exportProject() refuses a GGUF file and an engine that there is not", async () => {
  const config = await loadConfig("demo", small);
  await assert.rejects(
    exportProject("nowhere", { ...config, model: { ...config.model, path: "model.gguf" } }, {
      engine: "trl",
    }),
    /GGUF file, which no trainer there reads/,
  );
  await assert.rejects(exportProject("nowhere", config, { engine: "nemo" as never }), /engine/);
});

const python = Deno.env.get("SHOWWORK_PEERS_PYTHON");
if (!python) console.log("skipped: training an exported project by TRL needs SHOWWORK_PEERS_PYTHON");

Deno.test({
  name:
    "TRL trains an exported project on two processes with our rewards, and its adapter is loaded and evaluated here (SHOWWORK_PEERS_PYTHON)",
  ignore: !python,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await useBackend({ backend: "cpu" });
    const parent = await Deno.makeTempDir(), dir = join(parent, "project");
    const tasks = new URL("../../lib/tasks/rewards.ts", import.meta.url).pathname;
    const config = await loadConfig("demo", small);
    await exportProject(dir, config, { engine: "trl" });
    const server = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", tasks, "--config", join(dir, "config.yaml"), "--port", "0"],
      stdout: "piped",
    }).spawn();
    const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
    try {
      const url = /http:\S+?(?=:? POST)/.exec((await reader.read()).value ?? "")![0];
      const { success, stderr } = await new Deno.Command("bash", {
        args: [join(dir, "run.sh")],
        env: {
          PATH: `${join(python!, "..")}:${Deno.env.get("PATH")}`,
          HF_HUB_OFFLINE: "1",
          CPU: "1",
          PROCESSES: "2",
          OMP_NUM_THREADS: "1",
          SHOWWORK_REWARDS: url,
        },
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr).slice(-2000));
      const scored = await lines(dir, "output", "completions.jsonl") as {
        completion: string;
        problem: never;
        step: number;
        steps: number;
        phase: string;
        total: number;
      }[];
      assert.equal(scored.length, 4 * 2 * 8);
      assert.deepEqual([...new Set(scored.map(({ step }) => step))], [0, 1, 2, 3]);
      const again = await compositeReward(config.reward).score(
        scored.map(({ total: _, ...sample }) => ({ ...sample, prompt: "" })),
      );
      scored.forEach(({ total }, i) => assert.ok(Math.abs(total - again[i].total) < 1e-6));
      assert.ok(new Set(scored.map(({ total }) => total)).size > 3, "all rewards were alike");
      const model = await loadModel(config.model.path);
      await model.loadAdapter(join(dir, "output", "grpo"));
      const before = await loadModel(config.model.path), prompts = ["What is 2 + 3?"];
      const [trained] = await model.generate(prompts, { temperature: 0, maxTokens: 24 });
      const [base] = await before.generate(prompts, { temperature: 0, maxTokens: 24 });
      assert.notEqual(trained.text, base.text);
      const problem = {
        id: "p",
        question: "Tom has 3 apples. Then 4 more apples come. How many apples does Tom have now?",
        answer: "7",
        difficulty: "easy" as const,
        domain: "maths",
      };
      assert.equal((await evaluate(model, [problem], { maxTokens: 64 })).items.length, 1);
      model.dispose();
      before.dispose();
    } finally {
      server.kill("SIGTERM");
      await server.status;
      await reader.cancel();
      await Deno.remove(parent, { recursive: true });
    }
  },
});
