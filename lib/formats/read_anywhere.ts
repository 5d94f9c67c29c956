import { boxed } from "./boxed.ts";
import { lastNumber } from "./last_number.ts";
import type { ResponseFormat } from "./response_format.ts";
import { defaultFormat } from "./response_format_of.ts";

const said = /(?:final answer|answer)\s*(?:is|=|:)\s*\**\s*(.+?)(?:\.?\s*(?:\n|$)|\.\s)/gi;

/**
 * The answer that a text means, whatever format it keeps; the first of: what the format reads, the tags' answer, the last box, the last
 * "the answer is …", the last number, a short last line. For judging a base model fairly beside its format.
 *
 * @example
 * ```ts
 * import { tags } from "./tags.ts";
 * import { readAnywhere } from "./read_anywhere.ts";
 * readAnywhere("5 + 3 = 8. The answer is 8.", tags()); // "8"
 * ```
 */
export function readAnywhere(text: string, format: ResponseFormat): string | null {
  const inFormat = format.read(text).answer;
  if (inFormat) return inFormat;
  const tagged = defaultFormat.read(text).answer ?? boxed().read(text).answer;
  if (tagged) return tagged;
  const stated = [...text.matchAll(said)].at(-1)?.[1].trim();
  if (stated && stated.length <= 60) return stated;
  const number = lastNumber().read(text).answer;
  if (number) return number;
  const line = text.trim().split("\n").at(-1)?.trim();
  return line && line.length <= 60 ? line : null;
}
