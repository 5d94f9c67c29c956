import { PieceDecoder } from "../text/piece_decoder.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** Options of {@linkcode CompletionText}. */
export interface CompletionTextOptions {
  /** The text ends before the first of these. @default [] */
  stop?: readonly string[];
  /** Keep the stop text. @default false */
  includeStop?: boolean;
}

/**
 * The text of a completion while its tokens come. `push` gives out only what later tokens cannot change: whole characters, and
 * nothing that may be the beginning of a stop text, wherever the borders of tokens fall.
 *
 * @example
 * ```ts
 * import { loadTokenizer } from "../../mod.ts";
 * const tokenizer = await loadTokenizer("data/models/tiny-gemma");
 * const text = new CompletionText(tokenizer, { stop: ["</answer>"] });
 * let shown = "";
 * for (const id of tokenizer.encode("<answer>8</answer> and more")) shown += text.push(id);
 * shown += text.end(); // "<answer>8"
 * ```
 */
export class CompletionText {
  /** The text of each token; special tokens add "". */
  readonly pieces: string[] = [];
  /** The stop text that ended it, once it has. */
  stopped: string | null = null;
  readonly #decoder: PieceDecoder;
  readonly #stop: readonly string[];
  readonly #includeStop: boolean;
  /** Characters that a stop text has before its last one, at most. */
  readonly #longest: number;
  #text = "";
  #given = 0;

  constructor(
    tokenizer: Pick<Tokenizer, "decode">,
    { stop = [], includeStop = false }: CompletionTextOptions = {},
  ) {
    if (stop.includes("")) {
      throw new RangeError("stopping at a text needs one of at least one character, got an empty one");
    }
    this.#decoder = new PieceDecoder(tokenizer, { skipSpecial: true });
    this.#stop = stop;
    this.#longest = Math.max(0, ...stop.map((text) => text.length - 1));
    this.#includeStop = includeStop;
  }

  /** All text so far; part of it may still be held back. */
  get text(): string {
    return this.#text;
  }

  /** Takes the next token and returns the text that is certain now. After a stop text there is none. */
  push(id: number): string {
    if (this.stopped !== null) return "";
    const piece = this.#decoder.push(id), before = this.#text.length;
    this.pieces.push(piece);
    this.#text += piece;
    const found = this.#stop.map((stop) => ({
      stop,
      at: this.#text.indexOf(stop, Math.max(0, before - stop.length + 1)),
    })).filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at || b.stop.length - a.stop.length)[0];
    if (found) this.#cut(found.stop, found.at + (this.#includeStop ? found.stop.length : 0));
    return this.#give(found ? this.#text.length : this.#text.length - this.#held());
  }

  /** No more tokens come: the text that was held back. A character that was never finished is left out. */
  end(): string {
    return this.#give(this.#text.length);
  }

  #give(to: number): string {
    const fresh = this.#text.slice(this.#given, to);
    this.#given = Math.max(this.#given, to);
    return fresh;
  }

  /** How many characters at the end may be the beginning of a stop text. */
  #held(): number {
    for (let length = Math.min(this.#longest, this.#text.length); length > 0; length--) {
      const end = this.#text.slice(-length);
      if (this.#stop.some((stop) => stop.startsWith(end))) return length;
    }
    return 0;
  }

  #cut(stop: string, length: number): void {
    this.stopped = stop;
    let over = this.#text.length - length;
    for (let i = this.pieces.length - 1; over > 0; i--) {
      const { length } = this.pieces[i];
      this.pieces[i] = this.pieces[i].slice(0, Math.max(0, length - over));
      over -= length;
    }
    this.#text = this.#text.slice(0, length);
  }
}
