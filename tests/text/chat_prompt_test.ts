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

Deno.test("chatPrompt() gives template options to the template, and keeps those that the chat gives", () => {
  // as Qwen 3 has it: thinking is on unless it is turned off
  const thinking = withTemplate(
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<|assistant|>" +
      "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>{% endif %}{% endif %}",
  );
  assert.equal(chatPrompt(thinking, "Hi"), "<|user|>Hi<|assistant|>");
  assert.equal(
    chatPrompt(thinking, "Hi", { templateOptions: { enable_thinking: false } }),
    "<|user|>Hi<|assistant|><think>\n\n</think>",
  );
  assert.throws(
    () => chatPrompt(thinking, "Hi", { templateOptions: { messages: [] } }),
    /messages is no template option/,
  );
});

Deno.test("chatPrompt() strips the characters that a template names, as jinja2 does", () => {
  const cases: [template: string, text: string, expected: string][] = [
    ["{{ m.content.lstrip('\\n') }}", "\n  x ", "  x "],
    ["{{ m.content.rstrip('\\n') }}", " x \n\n", " x "],
    ["{{ m.content.strip('ab') }}", "abxba", "x"],
    ["{{ m.content.split('</think>')[-1].lstrip('\\n') }}", "a</think>\n\n x", " x"],
    ["{{ m.content.strip() }}|{{ m['content'].lstrip() }}", " x ", "x|x "],
    ["{{ m.content.capitalize() }}", "hELLO", "Hello"],
    ["{% macro f(t) %}{{ t.lstrip('x') }}{% endmacro %}{{ f(m.content) }}", "xxy", "y"],
  ];
  for (const [template, text, expected] of cases) {
    const tokenizer = withTemplate(`{% for m in messages %}${template}{% endfor %}`);
    assert.equal(chatPrompt(tokenizer, text), expected, template);
  }
});

Deno.test("chatPrompt() refuses by name a template that would lose text", () => {
  for (const word of ["break", "continue"]) {
    const tokenizer = withTemplate(
      `{% for m in messages %}{{ m.content }}{% if true %}{% ${word} %}{% endif %}{% endfor %}|`,
    );
    assert.throws(() => chatPrompt(tokenizer, "Hi"), new RegExp(`it uses {% ${word} %}, at which .* loses`));
  }
  assert.throws(() => chatPrompt(withTemplate("{% for m in messages %}"), "Hi"), /reading a chat template/);
});

Deno.test("a tokenizer's end of turn is what its template writes after an assistant's turn", () => {
  const gemmaEnd = embedded.endOfTurnId;
  assert.equal(embedded.decode([gemmaEnd]), "<end_of_turn>");
  // Gemma with ChatML: the old token is still in the vocabulary, and is never written
  const top = embedded.vocabularySize,
    added = ["<|im_start|>", "<|im_end|>"].map((content, i) => ({
      id: top + i,
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    }));
  const chatml = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";
  const retrained = new Tokenizer({ ...tokenizer, added_tokens: [...tokenizer.added_tokens, ...added] }, {
    ...config,
    chat_template: chatml,
    eos_token: "<|im_end|>",
  });
  assert.equal(retrained.endOfTurnId, top + 1);
  assert.deepEqual(retrained.eosIds, [top + 1]);
  // a template that ends turns with the end of the text, and one that writes no special token
  const eos =
    "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}";
  for (const template of [eos, "{% for m in messages %}{{ m.content }}\n{% endfor %}"]) {
    assert.equal(withTemplate(template).endOfTurnId, embedded.encode("<eos>", { bos: false })[0]);
  }
});

Deno.test("loadTokenizer() takes special tokens from special_tokens_map.json where the configuration names none", async () => {
  const folder = await Deno.makeTempDir(), { bos_token, eos_token, ...rest } = config;
  await Deno.writeTextFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  await Deno.writeTextFile(
    join(folder, "tokenizer_config.json"),
    JSON.stringify({ ...rest, bos_token: null }),
  );
  await Deno.writeTextFile(
    join(folder, "special_tokens_map.json"),
    JSON.stringify({ bos_token: { content: bos_token, lstrip: false }, eos_token, unk_token: "<other>" }),
  );
  const loaded = await loadTokenizer(folder);
  assert.equal(loaded.bosId, embedded.bosId);
  assert.deepEqual(loaded.eosIds, embedded.eosIds);
  assert.equal(loaded.specialTokens.unk_token, embedded.specialTokens.unk_token);
  assert.equal(chatPrompt(loaded, "2 + 2?"), chatPrompt(embedded, "2 + 2?"));
  await Deno.remove(folder, { recursive: true });
});
