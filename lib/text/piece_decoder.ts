/** What turns ids into text; `Tokenizer` is one. */
export interface TokenDecoder {
  decode(ids: readonly number[], options?: { skipSpecial?: boolean }): string;
}

/**
 * Turns token ids into text one by one. A token that is only part of a character adds nothing, and the token that completes
 * it adds the character.
 */
export class PieceDecoder {
  readonly #tokenizer: TokenDecoder;
  readonly #skipSpecial: boolean;
  /** The ids since the last place where a character was whole, and the text of those that count already. */
  #tail: number[] = [];
  #before = "";

  constructor(tokenizer: TokenDecoder, { skipSpecial = false }: { skipSpecial?: boolean } = {}) {
    this.#tokenizer = tokenizer;
    this.#skipSpecial = skipSpecial;
  }

  /** The text that the next token adds. */
  push(id: number): string {
    this.#tail.push(id);
    const text = this.#decode();
    if (text.endsWith("\uFFFD")) return "";
    const piece = text.slice(this.#before.length);
    // only the last token is decoded again, so that the work stays linear; one that is half a character needs those before
    const alone = this.#tokenizer.decode([id], { skipSpecial: this.#skipSpecial });
    if (this.#tail.length > 8 || (alone && !alone.includes("\uFFFD"))) {
      this.#tail = [id];
      this.#before = alone;
    } else this.#before = text;
    return piece;
  }

  #decode(): string {
    return this.#tokenizer.decode(this.#tail, { skipSpecial: this.#skipSpecial });
  }
}
