import { loadDataset } from "../data/dataset.ts";
import type { Problem } from "../data/problem.ts";
import type { RunConfig } from "../config/schema.ts";
import type { DemonstrationStyle } from "../formats/response_format.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import { Random } from "../random/random.ts";
import { curriculum } from "../schedules/curriculum.ts";
import type { ChatMessage } from "../text/chat_prompt.ts";

/** A run's data as rows of other trainers' data sets. */
export interface ProjectData {
  /** `sft`: prompt and completion as messages; `grpo` and `test`: prompt, the problem as JSON, the phase. */
  rows: Record<"sft" | "grpo" | "test", Record<string, unknown>[]>;
  /** What a reader of the project must know of them. */
  notes: string[];
}

type Stage = RunConfig["sft"] | RunConfig["grpo"];

/** The messages before the model speaks. */
function promptOf(
  problem: Problem,
  { systemPrompt, format }: Pick<Stage, "systemPrompt" | "format">,
): ChatMessage[] {
  const system = systemPrompt ?? responseFormatOf(format).instructions;
  return [...(system ? [{ role: "system" as const, content: system }] : []), {
    role: "user",
    content: problem.question,
  }];
}

/** What a reward needs to know of a problem, as JSON: a column of text is the same in every trainer. */
const labelOf = ({ id, question, answer, difficulty, domain, graph }: Problem) =>
  JSON.stringify({ id, question, answer, difficulty, domain, ...(graph === undefined ? {} : { graph }) });

/** Demonstrations as the run's format writes them; a problem's own completion word for word; chats as they are. */
function demonstrationRows(problems: readonly Problem[], sft: RunConfig["sft"]): Record<string, unknown>[] {
  const format = responseFormatOf(sft.format), random = new Random(sft.seed);
  const styles = Object.entries(sft.demonstrations) as [DemonstrationStyle, number][];
  const template = sft.chatTemplateOptions && Object.keys(sft.chatTemplateOptions).length > 0
    ? { chat_template_kwargs: sft.chatTemplateOptions }
    : {};
  return problems.flatMap((problem) => {
    const style = random.weighted(styles), { messages } = problem;
    if (messages) return [{ prompt: messages.slice(0, -1), completion: messages.slice(-1), ...template }];
    const content = problem.completion ?? format.write(problem, { style, random });
    return content === null
      ? []
      : [{ prompt: promptOf(problem, sft), completion: [{ role: "assistant", content }], ...template }];
  });
}

/** Loads a run's data and lays it out for other trainers: prompts of GRPO in the order in which its curriculum draws them. */
export async function projectData(config: RunConfig): Promise<ProjectData> {
  const { train, test } = await loadDataset(config.data), { grpo } = config;
  const phases = curriculum(config.curriculum), random = new Random(grpo.seed);
  const row = (problem: Problem, phase: string) => ({
    prompt: promptOf(problem, grpo),
    problem: labelOf(problem),
    phase,
  });
  const drawn = Array.from({ length: grpo.steps }, (_, step) => {
    const { name } = phases.phaseAt(step, grpo.steps);
    return phases.draw(train, grpo.promptsPerStep, step, grpo.steps, random).map((problem) =>
      row(problem, name)
    );
  }).flat();
  const notes = config.curriculum.kind === "adaptive"
    ? [
      "The curriculum is adaptive and there is nobody here to move it on: prompts are all of its first phase.",
    ]
    : [];
  return {
    rows: {
      sft: demonstrationRows(train, config.sft),
      grpo: drawn,
      test: test.map((problem) => row(problem, "hard")),
    },
    notes,
  };
}
