/**
 * `deno run -A jsr:@showwork/showwork/new my-project`: a folder with a notebook, a configuration and data of one's own.
 *
 * @module
 */
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isCheckout, packageRoot } from "../backend/package_files.ts";
import { generateProblems } from "../data/generator.ts";
import { PlainError } from "../display/plain_error.ts";
import { version } from "../report/release.ts";
import { writeOutput } from "../report/write_output.ts";
import { projectNotebook } from "./project_notebook.ts";

const usage = `new FOLDER: writes a project of your own into a new or empty folder.`;

/** A project could not be written. */
export class ProjectError extends PlainError {
  override name = "ProjectError";
}

/** What Deno must know: where the toolkit is, and the tasks. */
function denoJson(folder: string, release: string): string {
  const toolkit = `jsr:@showwork/showwork@^${release}`;
  const task = (name: string, rest = "") => `deno run --allow-all ${toolkit}/${name}${rest}`;
  return JSON.stringify(
    {
      nodeModulesDir: "none",
      unstable: ["webgpu"],
      imports: { showwork: toolkit },
      // beside a checkout the project follows it, not the registry
      ...(isCheckout ? { links: [relative(folder, fileURLToPath(packageRoot)).replaceAll("\\", "/")] } : {}),
      tasks: {
        demo: task("demo", " --notebook notebook.ipynb"),
        lab: task("lab", " notebook.ipynb"),
        doctor: task("doctor"),
      },
    },
    null,
    2,
  ) + "\n";
}

const config =
  `# Every option, its default and TRL's name for it: help(grpo) in a cell. Paths are relative to this file.
version: 1
name: my-run
seed: 1

model: { path: tiny-gemma } # the embedded one; a folder, a .gguf file, or a hub id such as google/gemma-3-270m-it

data:
  train:
    - { source: problems, path: data/problems.jsonl } # yours: one {id, question, answer, difficulty, domain} a line
    - { source: generator, count: 2000 }
  test:
    - { source: generator, count: 120, seed: 1000001 }

evaluate: { maxTokens: 112 }

sft:
  steps: 100
  learningRate: { kind: cosine, peak: 1.0e-3, warmupRatio: 0.05 }

grpo:
  steps: 30
  promptsPerStep: 8
  generations: 8
  learningRate: 2.5e-4
  temperature: 0.9
  maxTokens: 112

reward: { preset: r3 }
`;

const readme = (name: string) =>
  `# ${name}

A small language model learns to show its work. With Deno and Python 3.9 or later:

    deno task lab     opens notebook.ipynb in JupyterLab
    deno task demo    runs it top to bottom; what it made is in results/
    deno task doctor  says what this machine has, and what to do about what is missing

| file | |
| --- | --- |
| notebook.ipynb | base, SFT, GRPO, evaluation: a stage a cell |
| config.yaml | model, data, stages, reward |
| data/problems.jsonl | problems to learn from: put your own there |
`;

/** Writes a project into `folder`, which must be new or empty, and returns its files. */
export async function newProject(folder: string): Promise<string[]> {
  const target = resolve(folder);
  const held = await Array.fromAsync(Deno.readDir(target)).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new ProjectError(
      `Making a project in '${folder}': it must be a new or empty folder (${error.message})`,
    );
  });
  if (held.length > 0) {
    throw new ProjectError(
      `Making a project in '${folder}': it must be a new or empty folder, this one holds ${
        held[0].name
      }; choose another name`,
    );
  }
  const problems = generateProblems({ count: 60, seed: 7 }).map((problem) => JSON.stringify(problem));
  const files: Record<string, string> = {
    "deno.json": denoJson(target, await version()),
    "notebook.ipynb": projectNotebook(),
    "config.yaml": config,
    [join("data", "problems.jsonl")]: `${problems.join("\n")}\n`,
    "README.md": readme(basename(target)),
    ".gitignore": "results/\n.venv/\nnode_modules/\n.ipynb_checkpoints/\n",
  };
  for (const [name, text] of Object.entries(files)) await writeOutput(join(target, name), text);
  return Object.keys(files);
}

if (import.meta.main) {
  const [folder, ...rest] = Deno.args;
  if (!folder || rest.length > 0 || folder.startsWith("-")) {
    console.log(usage);
    Deno.exit(folder === "--help" ? 0 : 2);
  }
  try {
    const files = await newProject(folder);
    console.log(`${folder} is ready: ${files.join(", ")}.\nNext: cd ${folder} && deno task lab`);
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}
