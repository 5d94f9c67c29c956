import type { Tokenizer } from "./tokenizer.ts";

/** Where two vocabularies part: the first id whose tokens differ, `null` in place of a token where one has none. */
export interface VocabularyDifference {
  id: number;
  one: string | null;
  other: string | null;
  /** Ids whose tokens differ. */
  count: number;
}

/**
 * Compares two vocabularies token by token: `null` where each id is the same token in both. Sizes alone say nothing: two tokenizers of one size
 * may cut text quite differently.
 *
 * @example
 * ```ts
 * import { loadTokenizer } from "../../mod.ts";
 * const tokenizer = await loadTokenizer("data/models/tiny-gemma");
 * compareVocabularies(tokenizer, tokenizer); // null
 * ```
 */
export function compareVocabularies(one: Tokenizer, other: Tokenizer): VocabularyDifference | null {
  let first: VocabularyDifference | null = null;
  for (let id = 0; id < Math.max(one.vocabularySize, other.vocabularySize); id++) {
    const [a, b] = [one.token(id), other.token(id)];
    if (a === b) continue;
    first ??= { id, one: a, other: b, count: 0 };
    first.count++;
  }
  return first;
}
