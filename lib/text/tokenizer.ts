import { PlainError } from "../display/plain_error.ts";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { join } from "node:path";
import { afterAssistantTurn } from "./end_of_turn.ts";
import { PieceDecoder } from "./piece_decoder.ts";
import { WholeWords } from "./whole_words.ts";

/** A tokenizer's files could not be read. */
export class TokenizerError extends PlainError {
  override name = "TokenizerError";
}

/** Texts of short sequences that are kept at most. */
const keptTexts = 1 << 16;

/**
 * Text to token ids and back, from a Hugging Face `tokenizer.json`. Made by {@linkcode loadTokenizer}.
 */
export class Tokenizer {
  /** Token that begins a text. */
  readonly bosId: number | null;
  /** Tokens that end a completion. */
  readonly eosIds: number[];
  /** Token that fills up. */
  readonly padId: number | null;
  /** The id that ends the model's turn in a chat: the first that the chat template writes after it, else the end of the text. */
  readonly endOfTurnId: number;
  /** The model's chat template, in Jinja. */
  readonly chatTemplate: string | null;
  /** Texts of the special tokens, as chat templates want them. */
  readonly specialTokens: Record<string, string>;
  /** Tokens in the vocabulary. */
  readonly vocabularySize: number;
  readonly #inner: HuggingFaceTokenizer;
  readonly #words: WholeWords;
  readonly #special: Set<number>;
  /** Texts of one and two tokens that were asked for. */
  readonly #short = new Map<number, string>();

  /** Made of `tokenizer.json` and `tokenizer_config.json`. */
  constructor(tokenizer: Record<string, unknown>, config: Record<string, unknown>) {
    this.#words = new WholeWords(tokenizer);
    this.#inner = new HuggingFaceTokenizer(this.#words.file, config);
    const text = (value: unknown) =>
      typeof value === "string" ? value : (value as { content?: string } | null)?.content;
    const added = (tokenizer.added_tokens ?? []) as { id: number; content: string; special: boolean }[];
    const vocabulary = (tokenizer.model as { vocab: Record<string, number> | [string, number][] }).vocab;
    const ids = new Map<string, number>(
      Array.isArray(vocabulary) ? vocabulary.map(([token], id) => [token, id]) : Object.entries(vocabulary),
    );
    for (const { id, content } of added) ids.set(content, id);
    // no spread: Gemma's 262144 ids would overflow the stack
    this.vocabularySize = 1 + ids.values().reduce((top, id) => Math.max(top, id), -1);
    this.#special = new Set(added.filter(({ special }) => special).map(({ id }) => id));
    this.specialTokens = Object.fromEntries(
      ["bos_token", "eos_token", "pad_token", "unk_token"].flatMap((key) => {
        const value = text(config[key]);
        return value === undefined ? [] : [[key, value]];
      }),
    );
    const idOf = (key: string) => ids.get(this.specialTokens[key] ?? "") ?? null;
    this.bosId = idOf("bos_token");
    this.padId = idOf("pad_token");
    const template = config.chat_template;
    this.chatTemplate = typeof template === "string"
      ? template
      : Array.isArray(template)
      ? (template.find(({ name }) => name === "default") ?? template[0])?.template ?? null
      : null;
    const eos = idOf("eos_token"), turn = this.#turnEnd(ids);
    this.eosIds = [...new Set([eos, turn].filter((id) => id !== null))] as number[];
    const end = turn ?? eos;
    if (end === null) {
      throw new TokenizerError(
        "loading a tokenizer: it names no end token (eos_token in tokenizer_config.json)",
      );
    }
    this.endOfTurnId = end;
  }

  /** The first special token that the template writes after the assistant's words; without a template, the usual names. */
  #turnEnd(ids: Map<string, number>): number | null {
    const after = this.chatTemplate && afterAssistantTurn(this.chatTemplate, this.specialTokens);
    if (after) {
      const first = this.encode(after, { bos: false }).find((id) => this.#special.has(id));
      if (first !== undefined) return first;
    }
    if (after !== null) return null;
    return ["<end_of_turn>", "<|im_end|>", "<|eot_id|>"].map((token) => ids.get(token)).find((id) =>
      id !== undefined
    ) ??
      null;
  }

  /** Token ids of a text; special tokens written in it count as such. `bos` adds what the tokenizer adds by itself. @default true */
  encode(text: string, { bos = true }: { bos?: boolean } = {}): number[] {
    return Array.from(this.#inner.encode(this.#words.named(text), { add_special_tokens: bos }).ids, Number);
  }

  /** The text of token ids. */
  decode(ids: readonly number[], { skipSpecial = false }: { skipSpecial?: boolean } = {}): string {
    if (ids.length === 0) return "";
    // a token, and a token with the one before it: so text is put together while it comes
    const short = ids.length <= 2, [first, second = -1] = ids;
    const key = ((first + 1) * 2 ** 24 + second + 1) * 2 + Number(skipSpecial);
    const known = short ? this.#short.get(key) : undefined;
    if (known !== undefined) return known;
    const text = this.#words.plain(this.#inner.decode([...ids], {
      skip_special_tokens: skipSpecial,
      clean_up_tokenization_spaces: false,
    }));
    if (short) {
      if (this.#short.size >= keptTexts) this.#short.clear();
      this.#short.set(key, text);
    }
    return text;
  }

  /**
   * The text that each token adds; joined they are `decode(ids)`. A token that is only part of a character adds nothing, and the
   * token that completes it adds the character.
   */
  pieces(ids: readonly number[], { skipSpecial = false }: { skipSpecial?: boolean } = {}): string[] {
    const decoder = new PieceDecoder(this, { skipSpecial }), pieces = ids.map((id) => decoder.push(id));
    const whole = this.decode(ids, { skipSpecial }), joined = pieces.join("");
    if (joined !== whole && whole.startsWith(joined) && pieces.length) {
      pieces[pieces.length - 1] += whole.slice(joined.length);
    }
    return pieces;
  }

  /** The token of an id as the vocabulary spells it, `null` where it has none. */
  token(id: number): string | null {
    const token = this.#inner.id_to_token(id) ?? null;
    return token && this.#words.plain(token);
  }

  /** Whether an id is a special token. */
  isSpecial(id: number): boolean {
    return this.#special.has(id);
  }
}

async function json(path: string): Promise<Record<string, unknown> | null> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new TokenizerError(
      `loading a tokenizer: ${path} cannot be read (${error instanceof Error ? error.message : error})`,
    );
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new TokenizerError(`loading a tokenizer: ${path} is not JSON; is the download complete?`);
  }
}

/**
 * Loads the tokenizer of a model directory: `tokenizer.json`, `tokenizer_config.json` and, when they are there, `special_tokens_map.json`
 * and `chat_template.jinja`.
 *
 * @throws {TokenizerError} naming the file that is missing or broken
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const tokenizer = await json(join(directory, "tokenizer.json"));
  if (!tokenizer) {
    throw new TokenizerError(
      `loading a tokenizer: ${join(directory, "tokenizer.json")} is missing; a model directory needs one`,
    );
  }
  const config = await json(join(directory, "tokenizer_config.json")) ?? {};
  const special = await json(join(directory, "special_tokens_map.json")) ?? {};
  for (const [key, value] of Object.entries(special)) {
    // beside a configuration of the older kind, which lists no added tokens, the map wins, as in transformers
    if (!("added_tokens_decoder" in config) || (config[key] ?? null) === null) config[key] = value;
  }
  try {
    config.chat_template = await Deno.readTextFile(join(directory, "chat_template.jinja"));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return new Tokenizer(tokenizer, config);
}
