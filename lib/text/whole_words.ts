interface AddedToken {
  id: number;
  content: string;
  single_word?: boolean;
}

// Rust's \w
const word = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const escaped = (text: string) => text.replace(/[^\p{L}\p{N}]/gu, "\\$&");

/**
 * Added tokens that count as whole words only (`single_word` in `tokenizer.json`), which `@huggingface/tokenizers` 0.2.0 would match
 * inside words: in its file each has a name that no text has, and texts get that name where the token stands as a word.
 */
export class WholeWords {
  /** The file with the names. */
  readonly file: Record<string, unknown>;
  readonly #names: Map<string, string>;
  readonly #contents: Map<string, string>;
  readonly #standing: RegExp | null;

  constructor(file: Record<string, unknown>) {
    const added = (file.added_tokens ?? []) as AddedToken[],
      own = added.filter(({ single_word }) => single_word);
    this.#names = new Map(own.map(({ id, content }) => [content, `\uE000${id}\uE001`]));
    this.#contents = new Map(this.#names.entries().map(([content, name]) => [name, content]));
    const longestFirst = [...this.#names.keys()].sort((a, b) => b.length - a.length).map(escaped);
    this.#standing = own.length
      ? new RegExp(`(?<!${word})(?:${longestFirst.join("|")})(?!${word})`, "gu")
      : null;
    this.file = own.length === 0 ? file : {
      ...file,
      added_tokens: added.map((token) => ({
        ...token,
        content: this.#names.get(token.content) ?? token.content,
      })),
    };
  }

  /** A text with the names in it. */
  named(text: string): string {
    return this.#standing ? text.replace(this.#standing, (content) => this.#names.get(content)!) : text;
  }

  /** A text with the tokens for their names. */
  plain(text: string): string {
    return this.#standing
      ? text.replace(/\uE000\d+\uE001/g, (name) => this.#contents.get(name) ?? name)
      : text;
  }
}
