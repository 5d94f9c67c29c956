import type { RunConfig } from "../config/schema.ts";
import { anneal, type Scheduled } from "../schedules/anneal.ts";

/** What became of one option of ours in another engine's project. */
export interface OptionFate {
  /** Where it stands in our configuration, such as `grpo.beta`. */
  option: string;
  /** What it is set to. */
  value: unknown;
  /** The engine's name for it; `null` when it has none. */
  theirs: string | null;
  /** `same`: it means the same there; `approximated`: nearly; `none`: the engine has no such thing. */
  fate: "same" | "approximated" | "none";
  /** What differs. */
  note?: string;
}

/** A run's options as an engine has them. */
export interface EngineOptions {
  /** What goes into `options/`, by file. */
  files: Record<"sft.json" | "grpo.json", Record<string, unknown>> & {
    "lora.json"?: Record<string, unknown> | null;
  };
  /** What became of each of ours. */
  fates: OptionFate[];
}

/** What a rule makes of a value: the engine's options, and how well they say it. */
export interface Translated {
  theirs?: Record<string, unknown>;
  fate: OptionFate["fate"];
  note?: string;
}

/** Translates an option's value. */
export type Rule<Value, Section> = (value: Value, section: Section) => Translated;

/** A rule for every option of a section: one that is added to the schema and not here does not compile. */
export type Rules<Section> = { [Key in keyof Required<Section>]: Rule<Section[Key], Section> };

/** The sections of a run that are translated. */
export type GrpoSection = RunConfig["grpo"];
export type SftSection = RunConfig["sft"];
export type LoraSection = NonNullable<RunConfig["model"]["lora"]>;

/** The engine has the option under `name`, with the same meaning. */
export const same = (name: string) => (value: unknown): Translated => ({
  theirs: { [name]: value },
  fate: "same",
});

/** The engine has no such thing; harmless while the option has the value that it has by `harmless`. */
export const none = (note: string, harmless: unknown = undefined) => (value: unknown): Translated =>
  JSON.stringify(value) === JSON.stringify(harmless) ? { fate: "same" } : { fate: "none", note };

/** The option belongs to this toolkit's own running and has nothing to say elsewhere. */
export const ours = (): Translated => ({ fate: "same", note: "of this toolkit only" });

/** Rules that no engine differs in: what the data and the rewards already hold, and what this toolkit alone does. */
export const everywhere = {
  format: (): Translated => ({ fate: "same", note: "in the data, and in the rewards" }),
  systemPrompt: (): Translated => ({ fate: "same", note: "stands in every prompt of the data" }),
  maxMinutes: none("trains to its last step; end it by the job's time limit", null),
  evaluateEvery: none("evaluate here what was saved there", null),
  bestBy: none("keeps the last checkpoints, not the best", "accuracy"),
  checkpoints: ours,
};

/** A schedule becomes the value it begins with, and that is said. */
export const startOf = (name: string) => (value: Scheduled): Translated =>
  typeof value === "number" ? { theirs: { [name]: value }, fate: "same" } : {
    theirs: { [name]: anneal(value).at(0, 2) },
    fate: "approximated",
    note: "a schedule here, its first value there",
  };

/** All options of a section by its rules: the engine's options, and the fate of each of ours. */
export function translate<Section extends object>(
  name: string,
  section: Section,
  rules: Rules<Section>,
): { options: Record<string, unknown>; fates: OptionFate[] } {
  const options: Record<string, unknown> = {}, fates: OptionFate[] = [];
  for (const [key, rule] of Object.entries(rules) as [keyof Section & string, Rule<unknown, Section>][]) {
    const value = section[key],
      { theirs = {}, fate, note } = rule(value, section),
      names = Object.keys(theirs);
    Object.assign(options, theirs);
    fates.push({
      option: `${name}.${key}`,
      value,
      theirs: names.join(", ") || null,
      fate,
      ...(note ? { note } : {}),
    });
  }
  return { options, fates };
}
