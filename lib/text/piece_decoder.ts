import type { Tokenizer } from "./tokenizer.ts";

/**
 * Turns token ids into text one by one. A token that is only part of a character adds nothing, and the token that completes
 * it adds the character.
 */
export class PieceDecoder {
  readonly #tokenizer: Pick<Tokenizer, "decode">;
  readonly #skipSpecial: boolean;
  /** The ids since the last place where a character was whole, and the text of those that count already. */
  #tail: number[] = [];
  #before = "";

  constructor(tokenizer: Pick<Tokenizer, "decode">, { skipSpecial = false }: { skipSpecial?: boolean } = {}) {
    this.#tokenizer = tokenizer;
    this.#skipSpecial = skipSpecial;
  }

  /** The text that the next token adds. */
  push(id: number): string {
    this.#tail.push(id);
    const text = this.#decode();
    if (text.endsWith("\uFFFD")) return "";
    const piece = text.slice(this.#before.length);
    // only a short tail is decoded again, so that the work stays linear
    if (this.#tail.length > 8) {
      this.#tail = [id];
      this.#before = this.#decode();
    } else this.#before = text;
    return piece;
  }

  #decode(): string {
    return this.#tokenizer.decode(this.#tail, { skipSpecial: this.#skipSpecial });
  }
}
