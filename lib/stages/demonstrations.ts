import { asProblems } from "../data/as_problems.ts";
import type { Problem } from "../data/problem.ts";
import type { DemonstrationStyle } from "../formats/response_format.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import { Random } from "../random/random.ts";
import { chatTurns } from "../text/chat_turns.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { TokenSequence } from "../training/token_batch.ts";
import { problemPrompt } from "./problem_prompt.ts";
import type { SftConfig } from "./sft_schema.ts";

/** What SFT learns from. */
export interface Demonstrations {
  /** An example is one text to learn, or a chat's turns of the assistant, each after all that was said before it. */
  examples: TokenSequence[][];
  /** The problems as they were understood. */
  problems: Problem[];
  /** How many problems were left out, by reason. */
  leftOut: Record<string, number>;
  /** The same in words; `null` when none was. */
  note: string | null;
}

const tooLong = "too long", unwritten = "without a demonstration in the format";

/**
 * The texts that a model should learn to say to problems, as tokens: a problem's own `completion` word for word, its chat's turns of the assistant, else
 * what the run's format writes; each ended as the chat template ends a turn. The quality of written ones (full steps, terse, answer only) is
 * drawn once a problem.
 *
 * @throws {RangeError} when nothing is left to learn
 * @example
 * ```ts
 * import { loadDataset, loadTokenizer, sftSchema } from "../../mod.ts";
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }] });
 * const { examples, note } = demonstrations(await loadTokenizer("data/models/tiny-gemma"), data.train, sftSchema.parse({}));
 * ```
 */
export function demonstrations(
  tokenizer: Tokenizer,
  problems: readonly Problem[],
  config: SftConfig,
): Demonstrations {
  const format = responseFormatOf(config.format), random = new Random(config.seed);
  const styles = Object.entries(config.demonstrations) as [DemonstrationStyle, number][];
  const examples: TokenSequence[][] = [], leftOut: Record<string, number> = {};
  const understood = asProblems(problems, "sft");
  for (const problem of understood) {
    const style = random.weighted(styles);
    const example = problem.messages
      ? chatTurns(tokenizer, problem.messages, {
        system: config.systemPrompt ?? undefined,
        templateOptions: config.chatTemplateOptions,
      })
      : written(problem.completion ?? format.write(problem, { style, random }), problem);
    const long = example?.some(({ prompt, completion }) =>
      prompt.length + completion.length > config.maxLength
    );
    if (example && !long) examples.push(example);
    else {
      const reason = long ? tooLong : unwritten;
      leftOut[reason] = (leftOut[reason] ?? 0) + 1;
    }
  }
  const reasons = Object.entries(leftOut).map(([reason, count]) => `${count} ${reason}`).join(", ");
  if (examples.length === 0) {
    throw new RangeError(
      `sft needs at least one demonstration within maxLength ${config.maxLength} tokens, got ${understood.length} problems` +
        `${reasons ? ` (${reasons})` : ""}; raise maxLength or check the data`,
    );
  }
  return { examples, problems: understood, leftOut, note: reasons ? `${reasons}, left out` : null };

  function written(text: string | null, problem: Problem): TokenSequence[] | null {
    if (text === null) return null;
    const completion = [...tokenizer.encode(text, { bos: false }), tokenizer.endOfTurnId];
    return [{ prompt: problemPrompt(tokenizer, problem, config).ids, completion }];
  }
}
