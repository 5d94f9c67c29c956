/** Three words in a row, and whether the text has said them before. */
export interface WordTrigram {
  /** Offsets of the first word's start and the last word's end. */
  start: number;
  end: number;
  repeated: boolean;
}

/** A text's words (runs of letters, numbers, and the four tags) and the runs of three among them, in order. */
export function wordTrigrams(text: string): { words: number; trigrams: WordTrigram[] } {
  const words = [
    ...text.matchAll(/<\/?(?:reasoning|answer)>|\p{L}[\p{L}\p{M}]*|\p{Nd}+(?:[.,]\p{Nd}+)*/gu),
  ];
  const seen = new Set<string>();
  const trigrams = words.slice(2).map((last, i) => {
    const key = [words[i][0], words[i + 1][0], last[0]].join(" ").toLowerCase();
    const repeated = seen.has(key);
    seen.add(key);
    return { start: words[i].index, end: last.index + last[0].length, repeated };
  });
  return { words: words.length, trigrams };
}
