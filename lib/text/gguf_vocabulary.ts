import { byteLevelCut, type TokenizerFiles, tokenKind } from "./gguf_tokenizer.ts";
import { TokenizerError } from "./tokenizer.ts";

/** The keys below `tokenizer.ggml.` (and `tokenizer.chat_template`) that say a tokenizer. */
export interface GgufVocabulary {
  model: "gpt2" | "llama";
  pre: string;
  tokens: string[];
  kinds: number[];
  /** Of SentencePiece's kind: a token's score is the higher the earlier its merge. */
  scores: number[] | null;
  /** Of the byte-level kind. */
  merges: string[] | null;
  addBos: boolean;
  /** Of SentencePiece's kind: whether a text begins with a space of its own. */
  addSpacePrefix: boolean | null;
}

interface TokenizerJson {
  model?: {
    type?: string;
    vocab?: Record<string, number>;
    merges?: (string | [string, string])[];
    byte_fallback?: boolean;
  };
  added_tokens?: { id: number; content: string; special: boolean }[];
  decoder?: { type?: string };
  normalizer?: { type?: string } | null;
  pre_tokenizer?: { type?: string; prepend_scheme?: string } | null;
  post_processor?: { single?: unknown[] } | null;
}

/**
 * The vocabulary that llama.cpp reads, from a BPE tokenizer's `tokenizer.json`; tokens up to `size` are filled up.
 *
 * @throws {TokenizerError} for a tokenizer that it has no words for
 */
export function ggufVocabulary(
  { tokenizer }: Pick<TokenizerFiles, "tokenizer">,
  { size, where }: { size: number; where: string },
): GgufVocabulary {
  const fail = (rule: string): never => {
    throw new TokenizerError(`writing the tokenizer of ${where} into a GGUF file: ${rule}`);
  };
  const { model = {}, added_tokens = [], decoder, normalizer, pre_tokenizer, post_processor } =
    tokenizer as TokenizerJson;
  const { vocab, merges = [] } = model;
  if (model.type !== "BPE" || !vocab) {
    return fail(`only BPE tokenizers are supported, not ${JSON.stringify(model.type)}`);
  }

  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const kinds = Array.from({ length: size }, () => tokenKind.unused);
  const place = (token: string, id: number, kind: number) => {
    if (id >= size) fail(`its token ${JSON.stringify(token)} has the id ${id}, and the model ${size} tokens`);
    tokens[id] = token;
    kinds[id] = kind;
  };
  for (const [token, id] of Object.entries(vocab)) {
    place(
      token,
      id,
      /^<0x[0-9A-F]{2}>$/.test(token) && model.byte_fallback ? tokenKind.byte : tokenKind.normal,
    );
  }
  for (const { id, content, special } of added_tokens) {
    place(content, id, special ? tokenKind.control : tokenKind.userDefined);
  }
  const pairs = merges.map((merge) => typeof merge === "string" ? merge.split(" ") : merge);
  const addBos = JSON.stringify(post_processor?.single?.[0] ?? null).includes("SpecialToken");
  if (decoder?.type === "ByteLevel") {
    const pre = byteLevelCut(pre_tokenizer) ?? fail("its cuts are none that llama.cpp knows by name");
    return {
      ...{ model: "gpt2", pre, tokens, kinds, scores: null },
      merges: pairs.map((pair) => pair.join(" ")),
      addBos,
      addSpacePrefix: null,
    };
  }
  if (!model.byte_fallback) {
    return fail("it is neither byte-level nor of SentencePiece's kind (byte_fallback)");
  }
  const scores = Array.from({ length: size }, () => -1e6);
  for (const [rank, pair] of pairs.entries()) {
    const id = vocab[pair.join("")];
    if (id !== undefined && scores[id] === -1e6) scores[id] = -rank;
  }
  const prefix = normalizer?.type === "Sequence" ||
    (pre_tokenizer?.type === "Metaspace" && pre_tokenizer.prepend_scheme !== "never");
  return {
    model: "llama",
    pre: "default",
    tokens,
    kinds,
    scores,
    merges: null,
    addBos,
    addSpacePrefix: prefix,
  };
}
