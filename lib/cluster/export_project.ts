import { join, resolve } from "node:path";
import { z } from "zod";
import { packagedFile } from "../backend/package_files.ts";
import { configToYaml } from "../config/config_to_yaml.ts";
import type { RunConfig } from "../config/schema.ts";
import { displayable } from "../display/displayable.ts";
import { PlainError } from "../display/plain_error.ts";
import { textTable } from "../display/table.ts";
import { modelDirectory } from "../models/model_directory.ts";
import { parseOptions } from "../options/parse_options.ts";
import { writeOutput } from "../report/write_output.ts";
import type { OptionFate } from "./option_fate.ts";
import { openRlhfOptions } from "./openrlhf/openrlhf_options.ts";
import { projectData } from "./project_data.ts";
import { trlOptions } from "./trl/trl_options.ts";
import { verlOptions } from "./verl/verl_options.ts";

const engines = {
  trl: {
    title: "TRL 1.16 with accelerate",
    translate: trlOptions,
    files: [
      "shared/score.py",
      "trl/rewards.py",
      "trl/common.py",
      "trl/sft.py",
      "trl/grpo.py",
      "trl/run.sh",
      "trl/run_nodes.sh",
    ],
    requirements: ["trl>=1.16,<2", "peft>=0.21", "accelerate", "datasets"],
    start: "PROCESSES=2 ./run.sh                                    # one machine; CPU=1 without GPUs\n" +
      "RANK=0 NODES=2 PROCESSES=16 MAIN=10.0.0.1 ./run_nodes.sh    # on each of several",
  },
  verl: {
    title: "verl 0.9 on Ray",
    translate: verlOptions,
    files: [
      "shared/score.py",
      "shared/hydra_overrides.py",
      "verl/rewards.py",
      "verl/prepare_data.py",
      "verl/run.sh",
    ],
    requirements: ["verl>=0.9,<0.10", "vllm", "pandas", "pyarrow"],
    start: "GPUS=8 ./run.sh                                                     # one machine\n" +
      "ray job submit --working-dir . -- env NODES=2 GPUS=8 bash run.sh    # several, with Ray on each",
  },
  openrlhf: {
    title: "OpenRLHF 0.11 on Ray",
    translate: openRlhfOptions,
    files: ["openrlhf/arguments.py", "openrlhf/run.sh"],
    requirements: ["openrlhf[vllm]>=0.11,<0.12"],
    start: "GPUS=8 ./run.sh                                                     # one machine\n" +
      "ray job submit --working-dir . -- env NODES=2 GPUS=8 bash run.sh    # several, with Ray on each",
  },
};

const schema = z.strictObject({
  engine: z.enum(["trl", "verl", "openrlhf"]).describe("Who trains."),
});

/** Options of {@linkcode exportProject}. */
export interface ExportProjectOptions {
  /** Who trains: TRL with accelerate, verl or OpenRLHF on Ray. */
  engine: "trl" | "verl" | "openrlhf";
}

/** What {@linkcode exportProject} wrote. */
export interface ExportedProject {
  /** The folder, absolute. */
  dir: string;
  /** Its files, relative to it. */
  files: string[];
  /** What became of every option of SFT, GRPO and the adapter. */
  options: OptionFate[];
}

/** A project could not be exported. */
export class ProjectExportError extends PlainError {
  /** What tells it from other errors. */
  override name = "ProjectExportError";
}

const cell = (value: unknown) =>
  (typeof value === "string" ? value : JSON.stringify(value) ?? "").replaceAll("|", "\\|");

/** What becomes of the order in which the curriculum draws: TRL and verl keep the data's, OpenRLHF 0.11 shuffles it whatever it is told. */
function curriculumFate({ curriculum }: RunConfig, engine: keyof typeof engines): OptionFate {
  const { kind, phases } = curriculum, value = phases.map(({ name }) => name).join(" → ");
  const lost = engine === "openrlhf" && phases.length > 1;
  return {
    option: "curriculum",
    value: `${kind}: ${value}`,
    theirs: null,
    fate: lost ? "none" : kind === "adaptive" ? "approximated" : "same",
    note: lost
      ? "prompts are shuffled there: easy and hard ones come mixed from the start"
      : kind === "adaptive"
      ? "nobody moves it on there: all prompts are of its first phase"
      : "the order of the prompts in data/grpo.jsonl",
  };
}

/** What becomes of distillation, where the run names a teacher: the project is of SFT and GRPO. */
function teacherFate({ teacher }: RunConfig): OptionFate[] {
  return teacher === null ? [] : [{
    option: "teacher",
    value: teacher.path,
    theirs: null,
    fate: "none",
    note: "the project is SFT and GRPO: run `distill` here, on the adapter that comes back",
  }];
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

/** Options with a meaning of their own there, first those that differ. */
function optionTable(fates: OptionFate[]): string {
  const order = { none: 0, approximated: 1, same: 2 };
  const rows = fates.toSorted((a, b) => order[a.fate] - order[b.fate]).map((
    { option, value, theirs, fate, note },
  ) =>
    `| ${option} | ${cell(value)} | ${cell(theirs ?? "–")} | ${fate === "none" ? "**not there**" : fate} | ${
      cell(note ?? "")
    } |`
  );
  return ["| ours | value | theirs | | |", "| --- | --- | --- | --- | --- |", ...rows].join("\n");
}

function readme(
  config: RunConfig,
  engine: keyof typeof engines,
  fates: OptionFate[],
  notes: string[],
): string {
  const { title, start, requirements } = engines[engine],
    lost = fates.filter(({ fate }) => fate === "none").length;
  return `# ${config.name}, trained by ${title}

SFT, then GRPO, with the settings, the data and the rewards of a showwork run. Rewards are scored by showwork's own server, so that they are
the same, word for word, as in the notebook that tuned them.

1. Where the trainer can reach it, start the rewards (Deno needed there, no GPU):

       deno run -A jsr:@showwork/showwork/rewards --config config.yaml --port 8000

   From another machine: \`--hostname 0.0.0.0\` with a token in \`SHOWWORK_REWARD_TOKEN\`, and \`SHOWWORK_REWARDS=http://that-machine:8000\` here.
2. \`pip install ${requirements.map((name) => `'${name}'`).join(" ")}\`
3. Train:

${start.split("\n").map((line) => `       ${line}`).join("\n")}

What was learnt lies in \`output/grpo\`; back here, \`model.loadAdapter("output/grpo")\` or \`loadModel("output/grpo")\`, then \`evaluate\`.

| | |
| --- | --- |
| config.yaml | the run's own configuration |
| options/ | SFT's and GRPO's options as ${title.split(" ")[0]} has them |
| data/sft.jsonl | demonstrations, as the run's format writes them |
| data/grpo.jsonl | prompts in the order in which the curriculum draws them |
| data/test.jsonl | held-out problems |
${notes.length ? `\n${notes.map((note) => `- ${note}`).join("\n")}\n` : ""}
## What became of each option

${lost === 0 ? "All options have their counterpart." : `${lost} have none there; they come first.`}

${optionTable(fates)}
`;
}

/** The files of a folder by name, without those below it. */
const fileNames = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder))).filter(({ isFile }) => isFile).map(({ name }) => name).sort();

/** The model's folder where it lies on this machine; a hub id is for the trainer to fetch. */
async function modelFolder(
  { model: { path, adapter } }: RunConfig,
): Promise<{ folder: string | null; notes: string[] }> {
  if (path.endsWith(".gguf")) {
    throw new ProjectExportError(
      `exporting a project: ${path} is a GGUF file, which no trainer there reads; give the model's folder or hub id`,
    );
  }
  const notes = adapter ? [`The adapter ${adapter} that the run starts from is not in this project.`] : [];
  const folder = await modelDirectory(path, { weights: false }).catch(() => path);
  const here = await Deno.stat(join(folder, "model.safetensors")).then(() => true, () => false) ||
    await Deno.stat(join(folder, "model.safetensors.index.json")).then(() => true, () => false);
  const ofHub = /^[\w-]+\/[\w.-]+$/.test(path) && folder !== path;
  return { folder: here && !ofHub ? folder : null, notes };
}

/**
 * Writes a project that trains the same run elsewhere: data, options translated one by one, rewards by our server, launch scripts for one
 * machine and for several, a README with the table of what maps, what is approximated and what has no counterpart.
 *
 * A model in a folder is copied into the project, a hub id stays one. Prompts lie in the order in which a fixed curriculum draws them.
 *
 * @throws {ConfigError} for an unknown engine
 * @throws {ProjectExportError} when the folder holds something, or the model is a GGUF file, which these engines cannot train
 * @throws {OutputError} when the folder cannot be written
 * @example
 * ```ts
 * import { exportProject, loadConfig } from "../../mod.ts";
 * const folder = await Deno.makeTempDir(), config = await loadConfig("demo", { data: { train: [{ source: "generator", count: 20 }] } });
 * await exportProject(`${folder}/demo`, config, { engine: "trl" });
 * ```
 */
export async function exportProject(
  dir: string,
  config: RunConfig,
  options: ExportProjectOptions,
): Promise<ExportedProject> {
  const { engine } = parseOptions(schema, options, "exportProject()"), target = resolve(dir);
  const held = await Array.fromAsync(Deno.readDir(target), ({ name }) => name).catch(() => []);
  if (held.length > 0) {
    throw new ProjectExportError(
      `exporting a project to ${dir}: the folder must be new or empty, this one holds ${
        held[0]
      }; choose another`,
    );
  }
  const { translate, files: scripts } = engines[engine],
    { files: optionFiles, fates: translated } = translate(config);
  const fates = [...translated, curriculumFate(config, engine), ...teacherFate(config)];
  const written: string[] = [];
  const write = async (name: string, content: string | Uint8Array) => {
    await writeOutput(join(target, name), content);
    written.push(name);
  };
  const { folder, notes } = await modelFolder(config);
  for (const name of folder ? await fileNames(folder) : []) {
    await write(join("model", name), await Deno.readFile(join(folder!, name)));
  }
  await write(
    join("options", "model.json"),
    json({ path: config.model.path, revision: config.model.revision ?? null }),
  );
  for (const [name, content] of Object.entries(optionFiles)) {
    await write(join("options", name), json(content));
  }
  const data = await projectData(config);
  for (const [name, rows] of Object.entries(data.rows)) {
    await write(join("data", `${name}.jsonl`), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  }
  for (const script of scripts) {
    const name = script.slice(script.indexOf("/") + 1);
    await write(name, await Deno.readTextFile(await packagedFile(`lib/cluster/${script}`)));
    if (name.endsWith(".sh") && Deno.build.os !== "windows") await Deno.chmod(join(target, name), 0o755);
  }
  await write("config.yaml", configToYaml(config, { directory: target }));
  await write("README.md", readme(config, engine, fates, [...notes, ...data.notes]));
  const exported: ExportedProject = { dir: target, files: written, options: fates };
  return displayable(exported, {
    text: () =>
      `Wrote ${written.length} files to ${target}\n${
        textTable({
          columns: ["option", "theirs", "what becomes of it"],
          rows: fates.filter(({ fate }) => fate !== "same").map(({ option, theirs, fate, note }) => [
            option,
            theirs ?? "–",
            `${fate === "none" ? "not there" : fate}${note ? `: ${note}` : ""}`,
          ]),
        })
      }`,
  });
}
