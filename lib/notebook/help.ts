import type { z } from "zod";
import { dataSchema } from "../data/data_schema.ts";
import { loadDataset } from "../data/dataset.ts";
import { displayable } from "../display/displayable.ts";
import { htmlTable, type Table, textTable } from "../display/table.ts";
import { vllmSampler } from "../generation/vllm_sampler.ts";
import { vllmSamplerSchema } from "../generation/vllm_sampler_schema.ts";
import { vllmTeacher } from "../generation/vllm_teacher.ts";
import { vllmTeacherSchema } from "../generation/vllm_teacher_schema.ts";
import { loadModel } from "../models/load_model.ts";
import { modelSchema } from "../models/model_schema.ts";
import { ArgumentError } from "../options/argument_error.ts";
import { foreignNames, type OptionShape, optionShape, shapesAt } from "../options/option_shape.ts";
import { compositeReward } from "../rewards/composite.ts";
import { rewardSchema } from "../rewards/reward_schema.ts";
import { distill } from "../stages/distill.ts";
import { distillSchema } from "../stages/distill_schema.ts";
import { evaluate } from "../stages/evaluate.ts";
import { evaluateSchema } from "../stages/evaluate_schema.ts";
import { grpo } from "../stages/grpo.ts";
import { grpoSchema } from "../stages/grpo_schema.ts";
import { sft } from "../stages/sft.ts";
import { sftSchema } from "../stages/sft_schema.ts";

/** One option of a function. */
export interface OptionHelp {
  /** Its name; of an option inside another, with the path to it. */
  option: string;
  /** What it is when it is not given; `required` where it must be. */
  default: string;
  /** What TRL or PEFT call it. */
  elsewhere: string[];
  /** What it does, in a sentence. */
  meaning: string;
  /** The kind of source whose option it is, where a list takes several. */
  of?: string;
}

/** What {@linkcode help} knows of a function. It ends a notebook cell as a table. */
export interface FunctionHelp {
  /** How it is called. */
  call: string;
  /** In the order of the schema. */
  options: OptionHelp[];
}

interface Entry {
  call: string;
  schema: z.ZodType;
  /** Options that no schema holds, since they are functions or objects: default and meaning. */
  beside?: Record<string, [string, string]>;
}

const hooks: Entry["beside"] = {
  evaluation: [
    "none",
    "Held-out problems, { problems }, or a function of yours: judges the model while it trains.",
  ],
  onStep: ["none", "Called with the metrics after every step."],
  signal: ["none", "Ends the stage after the current step when it aborts."],
  resumeFrom: ["none", "A checkpoint to go on from, or a folder of them."],
  metricsFile: ["none", "A file that metrics are appended to as they come."],
  trackers: [
    "none",
    "What keeps them beside it: tensorBoardTracker(…), csvTracker(…), wandbTracker(…), trackioTracker(…).",
  ],
};

// deno-lint-ignore ban-types
const entries = new Map<Function, Entry>([
  [loadModel, { call: "loadModel(path, options)", schema: modelSchema }],
  [loadDataset, { call: "loadDataset(options)", schema: dataSchema }],
  [sft, { call: "sft(model, problems, options)", schema: sftSchema, beside: hooks }],
  [grpo, {
    call: "grpo(model, problems, options)",
    schema: grpoSchema,
    beside: {
      reward: [
        "required",
        "What is maximised: compositeReward(…), or a function of a sample. TRL: reward_funcs.",
      ],
      curriculum: ["R3's phases", "Which problems are drawn when: curriculum(…)."],
      sampler: ["the model", "What draws the completions, such as vllmSampler(…)."],
      name: ["grpo", "What tables and figures call the run."],
      ...hooks,
    },
  }],
  [distill, {
    call: "distill(student, teacher, problems, options)",
    schema: distillSchema,
    beside: {
      reward: ["correctness", "What completions are scored by, for the log alone."],
      curriculum: ["R3's phases", "Which problems are drawn when: curriculum(…)."],
      name: ["distill", "What tables and figures call the run."],
      ...hooks,
    },
  }],
  [evaluate, { call: "evaluate(model, problems, options)", schema: evaluateSchema }],
  [compositeReward, { call: "compositeReward(options)", schema: rewardSchema }],
  [vllmSampler, { call: "vllmSampler(options)", schema: vllmSamplerSchema }],
  [vllmTeacher, { call: "vllmTeacher(options)", schema: vllmTeacherSchema }],
]);

/** The last sentence of a description, where it says a default. */
const saidDefault = /\s*\bDefault:? ([^:]*?)(: .*)?\.$/;

function described(option: string, shape: OptionShape, required: boolean): OptionHelp {
  const { description = "", default: value } = shape, said = description.match(saidDefault);
  const meaning = (said && !said[2] ? description.slice(0, said.index) : description)
    .replace(/\s*\b(?:TRL|PEFT): [^.]*\./g, "").trim();
  return {
    option,
    default: said?.[1] ?? (required ? "required" : value === undefined ? "none" : JSON.stringify(value)),
    elsewhere: foreignNames(shape),
    meaning: shape.enum && !shape.enum.every((each) => description.includes(String(each)))
      ? `${meaning} One of ${shape.enum.join(", ")}.`
      : meaning,
  };
}

/** A schedule's parts are the same wherever a number takes one. */
const isSchedule = ({ properties = {} }: OptionShape) => "from" in properties && "to" in properties;

/** The options of what a list takes, by the kind of source that has them. */
function optionsByKind(branches: OptionShape[], path: string): OptionHelp[] {
  const kinds = new Map<string, { of: string[]; options: OptionHelp[] }>();
  for (const branch of branches) {
    const { source, ...properties } = branch.properties!, names = source?.enum ?? [source?.const];
    const options = optionsOf({ ...branch, properties }, path), key = JSON.stringify(options);
    const kind = kinds.get(key) ?? { of: [], options };
    kind.of.push(...names.filter((name) => name !== undefined).map(String));
    kinds.set(key, kind);
  }
  return [...kinds.values()].flatMap(({ of, options }) =>
    options.map((each) => ({ ...each, of: of.join(", ") }))
  );
}

function optionsOf({ properties = {}, required = [] }: OptionShape, path = ""): OptionHelp[] {
  const lists = new Map<string, string>();
  return Object.entries(properties).flatMap(([name, shape]) => {
    const option = path + name, own = described(option, shape, required.includes(name));
    const list = shape.items && !Array.isArray(shape.items) ? shape.items : null;
    const inside = shapesAt(list ?? shape, []).filter((each) => each.properties && !isSchedule(each));
    if (!list || !inside.length) {
      return [
        ...(shape.description || !path ? [own] : []),
        ...inside.flatMap((each) => optionsOf(each, `${option}.`)),
      ];
    }
    const key = JSON.stringify(list), same = lists.get(key);
    lists.set(key, option);
    return same
      ? [{ ...own, meaning: `${own.meaning} Takes what \`${same}\` takes.` }]
      : [own, ...optionsByKind(inside.filter(({ properties }) => properties!.source), `${option}[].`)];
  });
}

function table({ call, options }: FunctionHelp): Table {
  return {
    title: call,
    columns: ["option", "default", "TRL, PEFT", "meaning"],
    rows: options.flatMap((each, i) => [
      ...(each.of && each.of !== options[i - 1]?.of
        ? [[`${each.option.split("[]")[0]} with source ${each.of}`]]
        : []),
      [each.option, each.default, each.elsewhere.join(", "), each.meaning],
    ]),
    prose: true,
  };
}

/**
 * The options of a function as a table: what each is when it is not given, what TRL and PEFT call it, and what it means. It stands on what
 * checks the options, so that both say the same.
 *
 * @param of `loadModel`, `loadDataset`, `sft`, `grpo`, `evaluate`, `compositeReward` or `vllmSampler`.
 * @throws {ArgumentError} for anything else
 * @example
 * ```ts
 * import { evaluate, help } from "../../mod.ts";
 * console.log(help(evaluate));
 * help(evaluate).options.find(({ option }) => option === "samples")?.default; // "1"
 * ```
 */
// deno-lint-ignore ban-types
export function help(of: Function): FunctionHelp {
  const entry = entries.get(of);
  if (!entry) {
    const known = [...entries.keys()].map(({ name }) => name).join(", ");
    throw new ArgumentError(
      `help's argument must be one of the functions ${known}, got ${
        typeof of === "function" ? `the function ${of.name}` : JSON.stringify(of) ?? String(of)
      }; write help(grpo)`,
    );
  }
  const { call, schema, beside = {} } = entry;
  const own = Object.entries(beside).map(([option, [standard, description]]) => ({
    ...described(option, { description }, false),
    default: standard,
  }));
  return displayable({
    call,
    options: [
      ...own.filter(({ default: value }) => value === "required"),
      ...optionsOf(optionShape(schema)),
      ...own.filter(({ default: value }) => value !== "required"),
    ],
  }, {
    text: (value) => textTable(table(value)),
    html: (value) => htmlTable(table(value)),
  });
}
