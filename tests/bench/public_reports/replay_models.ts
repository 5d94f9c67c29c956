/** Directories of models and tokenizers as others write them. */
import { join } from "node:path";
import { inFolder, refusal, type Replays, type Tree } from "./replay.ts";

interface Stored {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

/** A safetensors file as it stands, of whatever types. */
async function readRaw(path: string): Promise<Map<string, Stored>> {
  const file = await Deno.readFile(path), size = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + size)));
  delete header.__metadata__;
  return new Map(
    Object.entries(
      header as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>,
    )
      .map(([name, { dtype, shape, data_offsets: [from, to] }]) => [name, {
        dtype,
        shape,
        bytes: file.slice(8 + size + from, 8 + size + to),
      }]),
  );
}

async function writeRaw(path: string, tensors: Map<string, Stored>): Promise<void> {
  let end = 0;
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(
    [...tensors].map(([name, { dtype, shape, bytes }]) => [name, {
      dtype,
      shape,
      data_offsets: [end, end += bytes.length],
    }]),
  )));
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(header.length), true);
  await Deno.writeFile(
    path,
    new Blob([size, header, ...[...tensors.values()].map(({ bytes }) => bytes)] as BlobPart[]).stream(),
  );
}

/** Numbers of a tensor in F32. */
const floats = ({ bytes }: Stored) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const bytesOf = (data: ArrayBufferView) =>
  new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);

/** Copies the embedded model of a tree. */
async function copyModel(tree: string, folder: string): Promise<void> {
  const from = join(tree, "data/models/tiny-gemma");
  for await (const { name } of Deno.readDir(from)) await Deno.copyFile(join(from, name), join(folder, name));
}

/** Changes JSON files of a directory. */
async function edit(
  folder: string,
  name: string,
  change: (json: Record<string, unknown>) => void,
): Promise<void> {
  const path = join(folder, name), json = JSON.parse(await Deno.readTextFile(path));
  change(json);
  await Deno.writeTextFile(path, JSON.stringify(json));
}

/**
 * A logit of the embedded model from a copy of its directory that was changed, over that of the directory as it was: 1 where
 * nothing changed. A text when it is refused.
 */
function reloaded(
  { path, showwork }: Tree,
  change: (folder: string) => Promise<void>,
): Promise<number | string> {
  return inFolder(async (folder) => {
    await copyModel(path, folder);
    const logit = async () => {
      const model = await showwork.loadModel(folder), logits = model.logits([[3, 5, 7]]);
      const [first] = await logits.data();
      logits.dispose();
      model.dispose();
      return first;
    };
    const before = await logit();
    await change(folder);
    let ratio = NaN;
    const refused = await refusal(async () => ratio = await logit() / before);
    return refused ?? ratio;
  });
}

/** A weights file changed tensor by tensor, or with tensors added. */
const weights = (change: (tensors: Map<string, Stored>) => void) => async (folder: string) => {
  const path = join(folder, "model.safetensors"), tensors = await readRaw(path);
  change(tensors);
  await writeRaw(path, tensors);
};

const same = (came: number | string) => ({
  came: `${came}`,
  right: typeof came === "number" && Math.abs(came - 1) < 1e-6,
});

const chatMl =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/** The embedded model's tokenizer, its files changed. */
async function tokenizerOf(
  { path, showwork }: Tree,
  config: Record<string, unknown>,
  change: (tokenizer: { added_tokens: Record<string, unknown>[] }) => void = () => {},
) {
  const read = async (name: string) =>
    JSON.parse(await Deno.readTextFile(join(path, "data/models/tiny-gemma", name)));
  const tokenizer = await read("tokenizer.json");
  change(tokenizer);
  return new showwork.Tokenizer(tokenizer, { ...await read("tokenizer_config.json"), ...config });
}

const token = (id: number, content: string, more = {}) => ({
  id,
  content,
  special: true,
  normalized: false,
  lstrip: false,
  rstrip: false,
  single_word: false,
  ...more,
});

/** What a template makes of one user message, or why not. */
async function rendered(tree: Tree, template: string, content: string): Promise<string> {
  const tokenizer = await tokenizerOf(tree, { chat_template: template });
  let text = "";
  const refused = await refusal(() =>
    text = tree.showwork.chatPrompt(tokenizer, [{ role: "user", content }], { addGenerationPrompt: false })
  );
  return refused ?? text;
}

/** Inputs of the kinds D1 and D2. */
export const replays: Replays = {
  "Qwen3: any way to pass enable_thinking:false": async (tree) => {
    const template =
      "{% for m in messages %}{{ m.content }}{% endfor %}{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}";
    const tokenizer = await tokenizerOf(tree, { chat_template: template });
    const text = tree.showwork.chatPrompt(
      tokenizer,
      "Hi",
      { templateOptions: { enable_thinking: false } } as never,
    );
    const { showwork, tiny } = tree,
      options = { chatTemplateOptions: { enable_thinking: false } },
      refused = [];
    for (
      const stage of [
        (model: ReturnType<typeof tiny.tinyModel>) =>
          showwork.sft(model, tiny.problems, { steps: 1, batchSize: 2, ...options } as never),
        (model: ReturnType<typeof tiny.tinyModel>) =>
          showwork.grpo(
            model,
            tiny.problems,
            {
              steps: 1,
              promptsPerStep: 1,
              generations: 2,
              maxTokens: 4,
              reward: tiny.digits,
              ...options,
            } as never,
          ),
        (model: ReturnType<typeof tiny.tinyModel>) =>
          showwork.evaluate(model, tiny.problems.slice(0, 1), { maxTokens: 4, ...options } as never),
      ]
    ) {
      const model = tiny.tinyModel();
      refused.push(await refusal(() => stage(model)));
      model.dispose();
    }
    return {
      came: `${text}; stages: ${refused.map((one) => one ?? "take it").join(", ")}`,
      right: text.endsWith("<think></think>") && refused.every((one) => one === null),
    };
  },
  "Gemma tokenizer with <|im_start|>/<|im_end|> added": async (tree) => {
    let end = -1;
    const tokenizer = await tokenizerOf(
      tree,
      { chat_template: chatMl, eos_token: "<|im_end|>" },
      ({ added_tokens }) => {
        const next = 1 + Math.max(...added_tokens.map(({ id }) => id as number), 4095);
        end = next + 1;
        added_tokens.push(token(next, "<|im_start|>"), token(end, "<|im_end|>"));
      },
    );
    const came = tokenizer.decode([tokenizer.endOfTurnId]);
    return { came, right: tokenizer.endOfTurnId === end };
  },
  "directory whose bos/eos stand in special_tokens_map.json only": async (tree) =>
    await inFolder(async (folder) => {
      await copyModel(tree.path, folder);
      const moved: Record<string, unknown> = {};
      await edit(folder, "tokenizer_config.json", (config) => {
        for (const key of ["bos_token", "eos_token"]) {
          moved[key] = config[key];
          delete config[key];
        }
      });
      await Deno.writeTextFile(join(folder, "special_tokens_map.json"), JSON.stringify(moved));
      let bos = "none";
      const refused = await refusal(async () =>
        bos = (await tree.showwork.loadTokenizer(folder)).specialTokens.bos_token ?? "none"
      );
      return { came: refused ?? `bos ${bos}`, right: bos === moved.bos_token };
    }),
  "template {% for m in messages %}{{ m.content }}{% break %}": async (tree) => {
    const came = await rendered(tree, "{% for m in messages %}{{ m.content }}{% break %}{% endfor %}|", "Hi");
    return { came, right: came === "Hi|" || /break/.test(came) };
  },
  "template {{ m.content.lstrip(": async (tree) => {
    const came = await rendered(
      tree,
      "{% for m in messages %}{{ m.content.lstrip('\\n') }}{% endfor %}",
      "\n  x",
    );
    return { came, right: came === "  x" || /lstrip/.test(came) };
  },
  "added token 'word' with single_word:true": async (tree) => {
    let id = -1, ids: number[] = [];
    const refused = await refusal(async () => {
      const tokenizer = await tokenizerOf(tree, {}, ({ added_tokens }) => {
        id = 1 + Math.max(...added_tokens.map(({ id }) => id as number), 4095);
        added_tokens.push(token(id, "word", { special: false, single_word: true }));
      });
      ids = tokenizer.encode("words sword", { bos: false });
    });
    return {
      came: refused ?? (ids.includes(id) ? "matched inside words" : "whole words only"),
      right: refused ? /single_word/.test(refused) : !ids.includes(id),
    };
  },
  "Llama with tie_word_embeddings:true and an lm_head.weight that differs": async (tree) => {
    const came = await reloaded(
      tree,
      weights((tensors) => {
        const [name] = [...tensors.keys()].filter((name) => name.endsWith("embed_tokens.weight")),
          embedding = tensors.get(name)!;
        tensors.set("lm_head.weight", { ...embedding, bytes: bytesOf(floats(embedding).map((x) => 2 * x)) });
      }),
    );
    return {
      came: typeof came === "number" ? `logits ${came} times` : came,
      right: typeof came === "number" ? Math.abs(came - 2) < 1e-5 : /lm_head/.test(came),
    };
  },
  "whole model.safetensors beside a stale model.safetensors.index.json": async (tree) =>
    same(
      await reloaded(tree, (folder) =>
        Deno.writeTextFile(
          join(folder, "model.safetensors.index.json"),
          JSON.stringify({
            metadata: {},
            weight_map: { "model.norm.weight": "model-00001-of-00002.safetensors" },
          }),
        )),
    ),
  "checkpoint with one I64 buffer model.position_ids": async (tree) => {
    const extra: [string, Stored][] = [
      ["model.position_ids", { dtype: "I64", shape: [1, 4], bytes: new Uint8Array(32) }],
      ["model.layers.0.self_attn.mask", { dtype: "BOOL", shape: [4], bytes: new Uint8Array(4) }],
      ["model.rotary_emb.inv_freq", { dtype: "F64", shape: [2], bytes: new Uint8Array(16) }],
    ];
    const came = [];
    for (const [name, stored] of extra) {
      came.push(same(await reloaded(tree, weights((tensors) => tensors.set(name, stored)))));
    }
    return { came: came.map((one) => one.came).join("; "), right: came.every(({ right }) => right) };
  },
  "weights in F64; weights in F8_E4M3": async (tree) => {
    const wide = same(
      await reloaded(
        tree,
        weights((tensors) => {
          for (const [name, stored] of tensors) {
            tensors.set(name, { ...stored, dtype: "F64", bytes: bytesOf(Float64Array.from(floats(stored))) });
          }
        }),
      ),
    );
    const narrow = `${await reloaded(
      tree,
      weights((tensors) => {
        for (const [name, stored] of tensors) {
          tensors.set(name, { ...stored, dtype: "F8_E4M3", bytes: new Uint8Array(stored.bytes.length / 4) });
        }
      }),
    )}`;
    return {
      came: `F64: ${wide.came}; F8: ${narrow}`,
      right: wide.right && /F8_E4M3/.test(narrow) && !/damaged/.test(narrow),
    };
  },
  "config.json with pad_token_id:-1": async (tree) => {
    const pad = same(
      await reloaded(tree, (folder) => edit(folder, "config.json", (config) => config.pad_token_id = -1)),
    );
    const eos = same(
      await reloaded(tree, async (folder) => {
        await edit(folder, "config.json", (config) => config.eos_token_id = -1);
        await edit(folder, "generation_config.json", (config) => config.eos_token_id = -1).catch(() => {});
      }),
    );
    return { came: `pad: ${pad.came}; eos: ${eos.came}`, right: pad.right && eos.right };
  },
  "adapter or model only as adapter_model.bin": async (tree) => {
    const came = `${await reloaded(
      tree,
      (folder) => Deno.rename(join(folder, "model.safetensors"), join(folder, "pytorch_model.bin")),
    )}`;
    return { came, right: /\.bin/.test(came) };
  },
};
