import { TokenizerError } from "./tokenizer.ts";

/** What `tokenizer.json` and `tokenizer_config.json` hold. */
export interface TokenizerFiles {
  tokenizer: Record<string, unknown>;
  config: Record<string, unknown>;
}

/** Kinds of tokens in `tokenizer.ggml.token_type`. */
export const tokenKind = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 };

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)",
  endings = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const splitByLlama3 = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}${endings}`;
const splitByQwen2 = `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${endings}`;

const isolated = (regex: string) => ({
  type: "Split",
  pattern: { Regex: regex },
  behavior: "Isolated",
  invert: false,
});
const byteLevel = (useRegex: boolean) => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});
const sequence = (...pretokenizers: object[]) => ({ type: "Sequence", pretokenizers });

/** How a byte-level vocabulary cuts a text before its merges, by `tokenizer.ggml.pre`. */
interface Cut {
  names: string[];
  preTokenizer: object;
  normalizer?: object;
  /** A word that is a token is taken whole. */
  ignoreMerges?: boolean;
  addBos?: boolean;
}

const cuts: Cut[] = [
  { names: ["gpt-2", "olmo", "mpt", "trillion", "granite-docling"], preTokenizer: byteLevel(true) },
  {
    names: ["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"],
    preTokenizer: sequence(isolated("\\p{N}"), byteLevel(true)),
  },
  {
    names: ["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "midm-2.0", "lfm2"],
    preTokenizer: sequence(isolated(splitByLlama3), byteLevel(false)),
    ignoreMerges: true,
    addBos: true,
  },
  { names: ["dbrx", "smaug-bpe"], preTokenizer: sequence(isolated(splitByLlama3), byteLevel(false)) },
  {
    names: ["qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez"],
    preTokenizer: sequence(isolated(splitByQwen2), byteLevel(false)),
    normalizer: { type: "NFC" },
  },
];

/** The name in GGUF files of how a `tokenizer.json` cuts texts, `null` when none of them does so. */
export function byteLevelCut(preTokenizer: unknown): string | null {
  const signature = JSON.stringify(stepsOf(preTokenizer));
  return cuts.find((cut) => JSON.stringify(stepsOf(cut.preTokenizer)) === signature)?.names[0] ?? null;
}

/** What a pre-tokenizer does, step by step, whatever way it is written. */
function stepsOf(preTokenizer: unknown): unknown[] {
  const { type, pretokenizers = [], pattern, individual_digits, use_regex = true } = (preTokenizer ?? {}) as {
    type?: string;
    pretokenizers?: unknown[];
    pattern?: { Regex?: string };
    individual_digits?: boolean;
    use_regex?: boolean;
  };
  if (type === "Sequence") return pretokenizers.flatMap(stepsOf);
  if (type === "Split") return [pattern?.Regex ?? null];
  if (type === "Digits" && individual_digits) return ["\\p{N}"];
  return [type === "ByteLevel" ? `bytes${use_regex ? " of GPT-2's words" : ""}` : type ?? null];
}

/**
 * The tokenizer that a GGUF file's metadata describes, as the two files of a Hugging Face directory: byte-level BPE (`gpt2`) with the
 * cuts of its model, or SentencePiece BPE (`llama`), whose merges are its vocabulary's pairs by score.
 *
 * @param metadata the file's keys and values
 * @throws {TokenizerError} naming the key that is missing, wrong or not supported
 */
export function ggufTokenizer(
  metadata: ReadonlyMap<string, unknown>,
  { where }: { where: string },
): TokenizerFiles {
  const fail = (rule: string): never => {
    throw new TokenizerError(`loading the tokenizer of ${where}: ${rule}`);
  };
  const get = (name: string) => metadata.get(`tokenizer.ggml.${name}`);
  const list = <T>(name: string, type: string): T[] | null => {
    const value = get(name);
    if (value === undefined) return null;
    return Array.isArray(value) && value.every((item) => typeof item === type)
      ? value
      : fail(`tokenizer.ggml.${name} is no list of ${type}s`);
  };
  const tokens = list<string>("tokens", "string") ?? fail("tokenizer.ggml.tokens is missing");
  const types = list<number>("token_type", "number") ?? [];
  if (types.length > 0 && types.length !== tokens.length) {
    fail(`tokenizer.ggml.token_type lists ${types.length} kinds for ${tokens.length} tokens`);
  }
  const model = get("model"), pre = get("pre") ?? "default";
  const gemma = `${metadata.get("general.architecture")}`.startsWith("gemma");
  const spelled = model === "llama" && gemma ? tokens.map(withoutSpaces) : tokens;
  const vocab = Object.fromEntries(spelled.map((token, id) => [token, id]));

  const id = (name: string): number | null => {
    const value = get(`${name}_token_id`);
    if (value === undefined) return null;
    return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < tokens.length
      ? value
      // llama.cpp writes 2^32 − 1 for none
      : value === 0xffffffff || value === -1
      ? null
      : fail(`tokenizer.ggml.${name}_token_id is ${value}, and there are ${tokens.length} tokens`);
  };
  const named = (name: string) => {
    const found = id(name);
    return found === null ? null : spelled[found];
  };
  const added = spelled.flatMap((content, id) => {
    const special = types[id] === tokenKind.control || types[id] === tokenKind.unknown;
    return special || types[id] === tokenKind.userDefined
      ? [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }]
      : [];
  });

  let parts: Record<string, unknown>, addsBos: boolean;
  if (model === "gpt2") {
    const cut = cuts.find(({ names }) => names.includes(`${pre}`)) ??
      fail(
        `the cut ${JSON.stringify(pre)} (tokenizer.ggml.pre) is not known; known: ${
          cuts.flatMap(({ names }) => names).join(", ")
        }`,
      );
    const merges = list<string>("merges", "string") ?? fail("tokenizer.ggml.merges is missing");
    addsBos = cut.addBos ?? false;
    parts = {
      normalizer: cut.normalizer ?? null,
      pre_tokenizer: cut.preTokenizer,
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: bpe(vocab, merges.map(pairOf), { ignoreMerges: cut.ignoreMerges }),
    };
  } else if (model === "llama") {
    const scores = list<number>("scores", "number") ?? [];
    if (scores.length !== tokens.length) {
      fail(`tokenizer.ggml.scores lists ${scores.length} scores for ${tokens.length} tokens`);
    }
    const prefix = !gemma && get("add_space_prefix") !== false, unknown = named("unknown") ?? "<unk>";
    // Gemma's scores do not follow its merges, the order of its tokens does
    const merges = mergesOf(spelled, vocab, gemma ? (id) => -id : (id) => scores[id]);
    addsBos = true;
    parts = {
      normalizer: gemma ? { type: "Replace", pattern: { String: " " }, content: "▁" } : null,
      pre_tokenizer: gemma
        ? { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious", invert: false }
        : { type: "Metaspace", replacement: "▁", prepend_scheme: prefix ? "first" : "never", split: false },
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: { String: "▁" }, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
          ...(prefix ? [{ type: "Strip", content: " ", start: 1, stop: 0 }] : []),
        ],
      },
      model: bpe(vocab, merges, { unknown }),
    };
  } else {
    return fail(
      `the kind ${JSON.stringify(model)} (tokenizer.ggml.model) is not supported; supported: "gpt2", "llama"`,
    );
  }

  const flag = get("add_bos_token"), bos = named("bos");
  const withBos = bos !== null && (typeof flag === "boolean" ? flag : addsBos);
  const sequenceOf = (name: string, type: number) => ({ Sequence: { id: name, type_id: type } });
  const start = withBos ? [{ SpecialToken: { id: bos, type_id: 0 } }] : [];
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    post_processor: {
      type: "TemplateProcessing",
      single: [...start, sequenceOf("A", 0)],
      pair: [...start, sequenceOf("A", 0), ...start, sequenceOf("B", 1)],
      special_tokens: withBos ? { [bos]: { id: bos, ids: [id("bos")], tokens: [bos] } } : {},
    },
    ...parts,
  };
  const template = metadata.get("tokenizer.chat_template");
  const config = {
    add_bos_token: withBos,
    add_eos_token: false,
    bos_token: bos,
    eos_token: named("eos"),
    unk_token: named("unknown"),
    pad_token: named("padding"),
    clean_up_tokenization_spaces: false,
    tokenizer_class: "PreTrainedTokenizerFast",
    ...(typeof template === "string" ? { chat_template: template } : {}),
  };
  return { tokenizer, config };
}

function bpe(
  vocab: Record<string, number>,
  merges: [string, string][],
  { unknown = null, ignoreMerges = false }: { unknown?: string | null; ignoreMerges?: boolean },
): Record<string, unknown> {
  const pieces = unknown !== null;
  return {
    type: "BPE",
    dropout: null,
    unk_token: unknown,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: pieces,
    byte_fallback: pieces,
    ignore_merges: ignoreMerges,
    vocab,
    merges,
  };
}

/** "Ġ t": the space between the two is the first after the first character. */
function pairOf(merge: string): [string, string] {
  const at = merge.indexOf(" ", 1);
  return [merge.slice(0, at), merge.slice(at + 1)];
}

/** llama.cpp writes Gemma's tokens of several spaces with spaces, the vocabulary has U+2581. */
const withoutSpaces = (token: string) => /^ {2,}$/.test(token) ? "▁".repeat(token.length) : token;

/** The pairs of tokens that make tokens, the best first: by score, then the longer left half, then the right. */
function mergesOf(
  tokens: string[],
  vocab: Record<string, number>,
  scoreOf: (id: number) => number,
): [string, string][] {
  const has = (token: string) => Object.hasOwn(vocab, token);
  const merges: { pair: [string, string]; score: number; left: number; right: number }[] = [];
  for (const [id, token] of tokens.entries()) {
    const characters = Array.from(token), own: typeof merges = [];
    for (let cut = 1; cut < characters.length; cut++) {
      const left = characters.slice(0, cut).join(""), right = characters.slice(cut).join("");
      if (has(left) && has(right)) {
        own.push({ pair: [left, right], score: scoreOf(id), left: cut, right: characters.length - cut });
      }
    }
    own.sort((a, b) => vocab[a.pair[0]] - vocab[b.pair[0]] || vocab[a.pair[1]] - vocab[b.pair[1]]);
    merges.push(...own);
  }
  return merges.sort((a, b) => b.score - a.score || b.left - a.left || b.right - a.right).map(({ pair }) =>
    pair
  );
}
