import assert from "node:assert/strict";
import { join } from "node:path";
import { type ChatMessage, chatPrompt } from "../../lib/text/chat_prompt.ts";
import { loadTokenizer, Tokenizer } from "../../lib/text/tokenizer.ts";

const directory = join(import.meta.dirname!, "../../data/models/tiny-gemma"),
  embedded = await loadTokenizer(directory);
const [tokenizer, config] = await Promise.all(
  ["tokenizer.json", "tokenizer_config.json"].map(async (name) =>
    JSON.parse(await Deno.readTextFile(join(directory, name)))
  ),
);

/** The embedded tokenizer under another template. */
const withTemplate = (chat_template: string | null) => new Tokenizer(tokenizer, { ...config, chat_template });

/** As Gemma 2's own: no system turns. */
const gemma2 =
  "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" +
  "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}" +
  "{{ raise_exception('Conversation roles must alternate') }}{% endif %}" +
  "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}" +
  "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}";

const chat: ChatMessage[] = [
  { role: "user", content: "2 + 2?" },
  { role: "assistant", content: "4" },
  { role: "user", content: "And 3?" },
];

Deno.test("chatPrompt() puts a system prompt where the template has it, and leaves it out when there is none", () => {
  const turn = "<bos><start_of_turn>user\n";
  assert.equal(chatPrompt(embedded, "2 + 2?"), `${turn}2 + 2?<end_of_turn>\n<start_of_turn>model\n`);
  assert.equal(
    chatPrompt(embedded, "2 + 2?", { system: "Be brief." }),
    `${turn}Be brief.\n\n2 + 2?<end_of_turn>\n<start_of_turn>model\n`,
  );
  assert.equal(
    chatPrompt(embedded, chat, { system: "Be brief.", addGenerationPrompt: false }),
    `${turn}Be brief.\n\n2 + 2?<end_of_turn>\n<start_of_turn>model\n4<end_of_turn>\n<start_of_turn>user\nAnd 3?<end_of_turn>\n`,
  );
});

Deno.test("chatPrompt() puts the system prompt before the first user turn where a template refuses or drops it", () => {
  const refusing = withTemplate(gemma2);
  const expected =
    "<bos><start_of_turn>user\nBe brief.\n\n2 + 2?<end_of_turn>\n<start_of_turn>model\n4<end_of_turn>\n<start_of_turn>user\nAnd 3?<end_of_turn>\n<start_of_turn>model\n";
  assert.equal(chatPrompt(refusing, chat, { system: "Be brief." }), expected);
  assert.equal(chatPrompt(refusing, [{ role: "system", content: "Be brief." }, ...chat]), expected);
  const dropping = withTemplate(
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['content'] }}|{% endif %}{% endfor %}",
  );
  assert.equal(chatPrompt(dropping, "Hi", { system: "Be brief." }), "Be brief.\n\nHi|");
  assert.throws(
    () => chatPrompt(refusing, [chat[0], chat[2]], { system: "Be brief." }),
    /Conversation roles must alternate/,
  );
  assert.throws(
    () => chatPrompt(refusing, [{ role: "system", content: "x" }, chat[1]]),
    /System role not supported/,
  );
});

Deno.test("chatPrompt() without a template gives the contents, a line each", () => {
  assert.equal(chatPrompt(withTemplate(null), "Hi", { system: "Be brief." }), "<bos>Be brief.\nHi\n");
});
