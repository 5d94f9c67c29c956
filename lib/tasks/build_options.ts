/**
 * `deno task options`: writes the interfaces of options out of the schemas that check them, each option with its description, so that an editor
 * shows what `help` says. They are committed; a test holds them to their schemas.
 */
import { dirname, relative } from "node:path";
import { z } from "zod";
import { runSchema } from "../config/schema.ts";
import { serveRewardsSchema } from "../cluster/serve_rewards_schema.ts";
import { dataSchema } from "../data/data_schema.ts";
import { vllmSamplerSchema } from "../generation/vllm_sampler_schema.ts";
import { vllmTeacherSchema } from "../generation/vllm_teacher_schema.ts";
import { addLoraSchema, modelSchema } from "../models/model_schema.ts";
import type { OptionShape } from "../options/option_shape.ts";
import { type TypeName, typeNames } from "../options/type_names.ts";
import { distillSchema } from "../stages/distill_schema.ts";
import { evaluateSchema } from "../stages/evaluate_schema.ts";
import { grpoSchema } from "../stages/grpo_schema.ts";
import { sftSchema } from "../stages/sft_schema.ts";
import { trackioTrackerSchema } from "../trackers/trackio_tracker.ts";
import { wandbTrackerSchema } from "../trackers/wandb_tracker.ts";

/** What is written: an interface for what a schema takes, in a file beside the schema's. */
const written: { file: string; type: string; of: string; schema: z.ZodType }[] = [
  {
    file: "lib/config/run_input.ts",
    type: "RunInput",
    of: "a whole run, as YAML says it",
    schema: runSchema,
  },
  { file: "lib/data/dataset_options.ts", type: "DatasetOptions", of: "`loadDataset`", schema: dataSchema },
  {
    file: "lib/generation/vllm_sampler_options.ts",
    type: "VllmSamplerOptions",
    of: "`vllmSampler`",
    schema: vllmSamplerSchema,
  },
  {
    file: "lib/generation/vllm_teacher_options.ts",
    type: "VllmTeacherOptions",
    of: "`vllmTeacher`",
    schema: vllmTeacherSchema,
  },
  {
    file: "lib/models/load_model_options.ts",
    type: "LoadModelOptions",
    of: "`loadModel`",
    schema: modelSchema,
  },
  {
    file: "lib/models/lora_options.ts",
    type: "LoraOptions",
    of: "a low-rank adapter (Hu et al. 2021, arXiv 2106.09685)",
    schema: addLoraSchema,
  },
  {
    file: "lib/stages/evaluate_settings.ts",
    type: "EvaluateSettings",
    of: "`evaluate`",
    schema: evaluateSchema,
  },
  { file: "lib/stages/grpo_settings.ts", type: "GrpoSettings", of: "`grpo`", schema: grpoSchema },
  { file: "lib/stages/sft_settings.ts", type: "SftSettings", of: "`sft`", schema: sftSchema },
  {
    file: "lib/cluster/serve_rewards_settings.ts",
    type: "ServeRewardsSettings",
    of: "`serveRewards`",
    schema: serveRewardsSchema,
  },
  { file: "lib/stages/distill_settings.ts", type: "DistillSettings", of: "`distill`", schema: distillSchema },
  {
    file: "lib/trackers/trackio_tracker_options.ts",
    type: "TrackioTrackerOptions",
    of: "`trackioTracker`",
    schema: trackioTrackerSchema,
  },
  {
    file: "lib/trackers/wandb_tracker_options.ts",
    type: "WandbTrackerOptions",
    of: "`wandbTracker`",
    schema: wandbTrackerSchema,
  },
];

/** A node of a schema, with the name of its type where it has one. */
interface Node extends OptionShape {
  named?: TypeName;
}

/** A description as documentation: its closing "Default 1." is a `@default`. */
function documentation(description: string): string {
  const [, said, fallback] = /^([\s\S]*?)\s*(?:\bDefault:? ([\s\S]*?)\.)?$/.exec(description)!;
  const text = [said, fallback === undefined ? "" : `@default ${fallback}`].filter(Boolean).join(" ");
  if (text.length < 100) return `/** ${text} */`;
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    if (`${lines.at(-1)} ${word}`.length > 106 || word === "@default") lines.push("");
    lines[lines.length - 1] += `${lines.at(-1) ? " " : ""}${word}`;
  }
  return `/**\n${lines.map((line) => ` * ${line}`).join("\n")}\n */`;
}

/** The text of the interfaces that some schema takes. */
class Interfaces {
  readonly imports = new Map<string, string>();
  readonly #generated = new Map<string, { doc: string; nodes: Node[] }>();

  /** The interfaces that were named on the way. */
  text(): string {
    let text = "";
    // an interface may name others
    for (const [name, { doc, nodes }] of this.#generated) {
      text += `\n${documentation(doc)}\nexport interface ${name} ${this.#members(nodes)}\n`;
    }
    return text;
  }

  generate(name: string, doc: string, node: Node): void {
    const known = this.#generated.get(name);
    if (known) known.nodes.push(node);
    else this.#generated.set(name, { doc, nodes: [node] });
  }

  /** Properties of an object, or of several that differ in a constant. */
  #members(nodes: Node[]): string {
    const [{ properties = {}, required = [] }] = nodes;
    const lines = Object.entries(properties).map(([name, node]) => {
      const constants = [...new Set(nodes.flatMap(({ properties }) => properties?.[name].const ?? []))];
      const type = constants.length > 1
        ? constants.map((value) => JSON.stringify(value)).join(" | ")
        : this.type(node);
      const description = constants.length > 1 ? "Which one." : node.description;
      return `${description ? documentation(description) + "\n" : ""}${name}${
        required.includes(name) ? "" : "?"
      }: ${type};\n`;
    });
    return `{\n${lines.join("")}}`;
  }

  /** What a node takes, as TypeScript has it. */
  type(node: Node): string {
    const { named } = node;
    if (named) {
      for (const [name, file] of Object.entries(named.from ?? {})) this.imports.set(name, file);
      if (!named.from) this.generate(named.type, named.doc ?? "", node);
      return named.type;
    }
    const branches = [...node.anyOf ?? [], ...node.oneOf ?? []] as Node[];
    if (branches.length) return [...new Set(branches.map((branch) => this.type(branch)))].join(" | ");
    if (node.const !== undefined) return JSON.stringify(node.const);
    if (node.enum) return node.enum.map((value) => JSON.stringify(value)).join(" | ");
    switch (node.type) {
      case "integer":
        return "number";
      case "string":
      case "number":
      case "boolean":
      case "null":
        return node.type;
      case "array": {
        if (node.prefixItems) return `[${node.prefixItems.map((item) => this.type(item)).join(", ")}]`;
        const item = this.type(node.items as Node);
        return item.includes(" ") ? `(${item})[]` : `${item}[]`;
      }
      case "object": {
        if (node.properties) return this.#members([node]);
        const { propertyNames: keys, additionalProperties: values } = node;
        const value = typeof values === "object" && Object.keys(values).length
          ? this.type(values)
          : "unknown";
        return keys?.enum ? `Partial<Record<${this.type(keys)}, ${value}>>` : `Record<string, ${value}>`;
      }
    }
    return "unknown";
  }
}

/** The generated files, by their paths. */
export async function optionFiles(): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const { file, type, of, schema } of written) {
    const interfaces = new Interfaces();
    const shape = z.toJSONSchema(schema, {
      io: "input",
      unrepresentable: "any",
      reused: "inline",
      override({ zodSchema, jsonSchema }) {
        const named = typeNames.get(zodSchema);
        if (named) Object.assign(jsonSchema, { named });
      },
    }) as Node;
    const { named: _, ...whole } = shape;
    interfaces.generate(type, `Options of ${of}.`, whole);
    const text = interfaces.text(), from = Map.groupBy(interfaces.imports, ([, path]) => path);
    const imports = [...from].sort(([a], [b]) => a < b ? -1 : 1).map(([path, names]) => {
      const there = relative(dirname(file), path);
      return `import type { ${names.map(([name]) => name).sort().join(", ")} } from "${
        there.startsWith(".") ? there : `./${there}`
      }";\n`;
    });
    files[file] = await formatted(
      `// Generated from the schema by \`deno task options\`: change it there.\n${imports.join("")}${text}`,
    );
  }
  return files;
}

async function formatted(text: string): Promise<string> {
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const format = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--config", config, "--ext", "ts", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = format.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  return new TextDecoder().decode((await format.output()).stdout);
}

if (import.meta.main) {
  for (const [file, text] of Object.entries(await optionFiles())) {
    await Deno.writeTextFile(new URL(`../../${file}`, import.meta.url), text);
  }
}
