import { boxed } from "./boxed.ts";
import { checkAnswer } from "./check_answer.ts";
import type { FormatOption } from "./format_schema.ts";
import { graph } from "./graph.ts";
import { lastNumber } from "./last_number.ts";
import type { ResponseFormat } from "./response_format.ts";
import { tags } from "./tags.ts";

/** SPEC's own format, which stands wherever none is given. */
export const defaultFormat: ResponseFormat = tags();

/**
 * The format that an option names: `"boxed"`, `{ kind: "tags", reasoning: "think" }`, or an object of one's own, which may leave out `instructions`
 * (none), `check` (`answersMatch`) and `write` (then SFT needs whole completions).
 */
export function responseFormatOf(option: FormatOption | Partial<ResponseFormat> = "tags"): ResponseFormat {
  const { kind, ...options } = typeof option === "string" ? { kind: option } : { kind: undefined, ...option };
  switch (kind) {
    case "tags":
      return Object.keys(options).length ? tags(options) : defaultFormat;
    case "boxed":
      return boxed(options);
    case "graph":
      return graph(options);
    case "last-number":
      return lastNumber(options);
  }
  const given = option as ResponseFormat;
  return {
    name: given.name,
    instructions: given.instructions ?? null,
    read: (text) => given.read(text),
    write: (problem, options) => given.write?.(problem, options) ?? null,
    check: (answer, problem) => given.check ? given.check(answer, problem) : checkAnswer(answer, problem),
    ...(given.value ? { value: (answer) => given.value!(answer) } : {}),
    marks: given.marks,
  };
}
