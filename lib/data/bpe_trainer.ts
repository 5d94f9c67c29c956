/** Options of {@linkcode trainTokenizer}. */
export interface TrainTokenizerOptions {
  /** Tokens in all: special ones, 256 bytes, characters and merges. @default 1024 */
  vocabularySize?: number;
  /** Characters and words that must be tokens of their own though the texts may lack them. @default [] */
  required?: string[];
}

/** The files of a Hugging Face tokenizer. */
export interface TokenizerFiles {
  tokenizer: Record<string, unknown>;
  tokenizerConfig: Record<string, unknown>;
}

const special = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"];

/** Gemma's chat format: a system prompt goes before the first user turn. */
const chatTemplate =
  `{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first_user_prefix = messages[0]['content'] + '\n\n' %}{% set loop_messages = messages[1:] %}{% else %}{% set first_user_prefix = '' %}{% set loop_messages = messages %}{% endif %}{% for message in loop_messages %}{% if message['role'] == 'assistant' %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else '') + (message['content'] | trim) + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}`;

/** Letters with the space before them; every other character alone, so that digits are never merged. */
const piece = /▁?\p{L}+|[\s\S]/gu;

/**
 * Trains a byte-pair tokenizer of Gemma's kind (Sennrich et al. 2016, arXiv 1508.07909): spaces become ▁, unknown characters become
 * bytes, each digit and each punctuation mark is a token, a word keeps the space before it.
 */
export function trainTokenizer(
  texts: Iterable<string>,
  { vocabularySize = 1024, required = [] }: TrainTokenizerOptions = {},
): TokenizerFiles {
  const counts = new Map<string, number>();
  const count = (text: string, weight: number) => {
    for (const [word] of text.replaceAll(" ", "▁").matchAll(piece)) {
      counts.set(word, (counts.get(word) ?? 0) + weight);
    }
  };
  for (const text of texts) count(text, 1);
  const heavy = [...counts.values()].reduce((a, b) => a + b, 0);
  for (const text of required) count(text, heavy);

  const vocabulary = new Map<string, number>();
  const add = (token: string) => {
    if (!vocabulary.has(token)) vocabulary.set(token, vocabulary.size);
  };
  special.forEach(add);
  for (let byte = 0; byte < 256; byte++) add(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).filter((c) =>
    c !== " "
  );
  [...new Set(["▁", "\n", ...printable, ...[...counts.keys()].flatMap((word) => [...word])])].sort().forEach(
    add,
  );
  if (vocabulary.size > vocabularySize) {
    throw new RangeError(
      `training a tokenizer: the alphabet alone has ${vocabulary.size} tokens, vocabularySize is ${vocabularySize}`,
    );
  }

  const words = [...counts].map(([word, weight]) => ({ parts: [...word], weight }));
  const merges: [string, string][] = [];
  while (vocabulary.size < vocabularySize) {
    const pairs = new Map<string, number>();
    for (const { parts, weight } of words) {
      for (let i = 0; i + 1 < parts.length; i++) {
        const pair = `${parts[i]}\u0000${parts[i + 1]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + weight);
      }
    }
    let best = "", most = 0;
    for (const [pair, weight] of pairs) {
      if (weight > most || (weight === most && pair < best)) [best, most] = [pair, weight];
    }
    if (!best) break;
    const [left, right] = best.split("\u0000");
    merges.push([left, right]);
    add(left + right);
    for (const word of words) {
      for (let i = 0; i + 1 < word.parts.length; i++) {
        if (word.parts[i] === left && word.parts[i + 1] === right) word.parts.splice(i, 2, left + right);
      }
    }
  }

  const added = special.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    tokenizer: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: { type: "Replace", pattern: { String: " " }, content: "▁" },
      pre_tokenizer: {
        type: "Split",
        pattern: { String: " " },
        behavior: "MergedWithPrevious",
        invert: false,
      },
      post_processor: {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "<bos>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
        pair: [{ SpecialToken: { id: "<bos>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }, {
          SpecialToken: { id: "<bos>", type_id: 1 },
        }, { Sequence: { id: "B", type_id: 1 } }],
        special_tokens: { "<bos>": { id: "<bos>", ids: [2], tokens: ["<bos>"] } },
      },
      decoder: {
        type: "Sequence",
        decoders: [{ type: "Replace", pattern: { String: "▁" }, content: " " }, { type: "ByteFallback" }, {
          type: "Fuse",
        }],
      },
      model: {
        type: "BPE",
        dropout: null,
        unk_token: "<unk>",
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: true,
        ignore_merges: false,
        vocab: Object.fromEntries(vocabulary),
        merges,
      },
    },
    tokenizerConfig: {
      add_bos_token: true,
      add_eos_token: false,
      added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [id, token])),
      bos_token: "<bos>",
      eos_token: "<eos>",
      pad_token: "<pad>",
      unk_token: "<unk>",
      clean_up_tokenization_spaces: false,
      model_max_length: 512,
      tokenizer_class: "PreTrainedTokenizerFast",
      chat_template: chatTemplate,
    },
  };
}
