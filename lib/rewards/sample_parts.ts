import type { ReadResponse, ResponseFormat, Span } from "../formats/response_format.ts";
import { defaultFormat } from "../formats/response_format_of.ts";
import type { RewardSample } from "./reward.ts";

/** A sample's completion, read by the run's format. */
export interface SampleParts extends ReadResponse {
  format: ResponseFormat;
  /** Where the parts are, `null` where they are missing. */
  reasoningSpan: Span | null;
  answerSpan: Span | null;
}

/** Reads a sample's completion by its format: `<reasoning>` and `<answer>` where it names none. */
export function sampleParts({ completion, format = defaultFormat }: RewardSample): SampleParts {
  const parsed = format.read(completion);
  const first = (name: Span["part"]) => parsed.spans.find(({ part }) => part === name) ?? null;
  return { ...parsed, format, reasoningSpan: first("reasoning"), answerSpan: first("answer") };
}
