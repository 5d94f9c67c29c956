import assert from "node:assert/strict";
import { join } from "node:path";
import type { ChatMessage } from "../../lib/text/chat_prompt.ts";
import { chatTurns } from "../../lib/text/chat_turns.ts";
import { Tokenizer } from "../../lib/text/tokenizer.ts";

interface MaskFixture {
  templates: Record<string, { source: string; added: { id: number; content: string }[]; eos: string | null }>;
  cases: { template: string; messages: ChatMessage[]; ids: number[]; mask: number[] }[];
}

const json = async (path: string) =>
  JSON.parse(await Deno.readTextFile(join(import.meta.dirname!, "../..", path)));
const fixture: MaskFixture = await json("tests/fixtures/trl_masks.json");
const [file, config] = await Promise.all(
  ["tokenizer.json", "tokenizer_config.json"].map((name) => json(`data/models/tiny-gemma/${name}`)),
);

const tokenizers = new Map(
  Object.entries(fixture.templates).map(([name, { source, added, eos }]) => {
    const tokens = added.map((token) => ({
      ...token,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    }));
    return [
      name,
      new Tokenizer({ ...file, added_tokens: [...file.added_tokens, ...tokens] }, {
        ...config,
        chat_template: source,
        ...(eos ? { eos_token: eos } : {}),
        ...(name === "llama3" ? { bos_token: "<|begin_of_text|>" } : {}),
      }),
    ];
  }),
);

for (const [i, { template, messages, ids, mask }] of fixture.cases.entries()) {
  Deno.test(`chatTurns() learns what TRL's assistant_only_loss learns: ${template}, chat ${i % 3 + 1}`, () => {
    const tokenizer = tokenizers.get(template)!, turns = chatTurns(tokenizer, messages);
    // TRL's mask of Qwen 2.5 counts the line break behind "assistant", which the prompt gives
    const given = template === "qwen2_5" ? turns.map(({ prompt }) => prompt.length - 1) : [];
    const learned = ids.filter((_, at) => mask[at] && !given.includes(at));
    assert.deepEqual(turns.flatMap(({ completion }) => completion), learned);
    for (const { prompt, completion } of turns) {
      assert.ok(completion.includes(tokenizer.endOfTurnId), `${prompt}`);
    }
    // TRL changes Qwen 3's template to keep empty thoughts in the turns before; here they are as the model will see them
    const whole = turns.filter((_, at) => template !== "qwen3" || at === 0);
    for (const { prompt, completion } of whole) {
      assert.deepEqual([...prompt, ...completion], ids.slice(0, prompt.length + completion.length));
    }
  });
}
