import assert from "node:assert/strict";
import { join } from "node:path";
import { parseHTML } from "linkedom";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { type Chat, chat, type ChatOptions } from "../../lib/notebook/chat.ts";
import { chatFacts, chatHtml, chatText, type ChatTurn } from "../../lib/notebook/chat_view.ts";
import { chatPrompt } from "../../lib/text/chat_prompt.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";

const embedded = join(import.meta.dirname!, "../../data/models/tiny-gemma");

/** A chat with the embedded model that is drawn in memory. */
async function talking(options: ChatOptions = {}) {
  await startEngine({ threads: 1 });
  const shown: { turn: ChatTurn; first: boolean; last: boolean; fresh: string }[] = [];
  const model = await loadModel(embedded),
    talk: Chat = chat(model, {
      maxTokens: 60,
      surface: { show: (turn, when) => void shown.push({ turn, ...when }) },
      ...options,
    });
  return { model, talk, shown };
}

testOnCpu("chat() streams a reply, keeps the history, and shows the model all of it", async () => {
  const { model, talk, shown } = await talking({ system: "Be brief." });
  const first = await talk.say("What is 12 + 30?");
  const [expected] = await model.generate([
    model.tokenizer.encode(chatPrompt(model.tokenizer, "What is 12 + 30?", { system: "Be brief." }), {
      bos: false,
    }),
  ], { temperature: 0, maxTokens: 60 });
  assert.equal(first.text, expected.text);
  assert.deepEqual([first.reasoning, first.answer, first.completion.ended], [null, null, "end"]);
  assert.equal(first.tokensPerSecond, expected.tokens.length / first.seconds);
  assert.deepEqual(shown.map(({ first }) => first).slice(0, 2), [true, false]);
  assert.deepEqual(shown.map(({ last }) => last), [...Array(shown.length - 1).fill(false), true]);
  assert.equal(shown.map(({ fresh }) => fresh).join(""), first.text);
  assert.deepEqual(shown.at(-1)!.turn.pieces!.join(""), first.text);

  await talk.say("And 3 + 4?");
  assert.deepEqual(talk.history.map(({ role }) => role), ["user", "assistant", "user", "assistant"]);
  const prompt = chatPrompt(model.tokenizer, talk.history.slice(0, 3), { system: "Be brief." });
  const [second] = await model.generate([model.tokenizer.encode(prompt, { bos: false })], {
    temperature: 0,
    maxTokens: 60,
  });
  assert.equal(talk.history[3].content, second.text);
  assert.match(Deno.inspect(talk), /> What is 12 \+ 30\?\n.*\n.*tokens.*\n> And 3 \+ 4\?/);
  talk.reset();
  assert.deepEqual(talk.history, []);
  model.dispose();
});

testOnCpu(
  "chat() leaves out the oldest turns when all would not fit, and refuses what cannot fit",
  async () => {
    const { model, talk, shown } = await talking({ maxTokens: 400 });
    const words = (count: number) => Array.from({ length: count }, (_, i) => i % 10).join(" ");
    const count = (text: string) =>
      model.tokenizer.encode(chatPrompt(model.tokenizer, text), { bos: false }).length;
    assert.ok(count(words(18)) < 112 && count(words(18) + words(18)) < 112 && count(words(60)) > 112);
    for (let i = 0; i < 4; i++) await talk.say(words(18));
    assert.equal(shown[0].turn.forgotten, 0);
    const last = shown.at(-1)!.turn;
    assert.ok(last.forgotten >= 1 && last.forgotten <= 3, `${last.forgotten}`);
    assert.match(chatFacts(last), /left out to fit the context/);
    const { length } = talk.history;
    await assert.rejects(
      talk.say(words(60)),
      /needs at most 112 tokens, .* got \d+; say less, or lower maxTokens/,
    );
    assert.equal(talk.history.length, length, "a refused turn is not part of the history");
    await talk.say("2 + 2?");
    model.dispose();
  },
);

testOnCpu("interactive() asks until an empty answer, and an aborted reply ends it", async () => {
  const questions = ["2 + 3?", " 4 + 5? ", "", "never"];
  const { model, talk } = await talking({ ask: () => questions.shift() ?? null, remember: false });
  await talk.interactive();
  assert.deepEqual(questions, ["never"]);
  assert.deepEqual(talk.history.filter(({ role }) => role === "user").map(({ content }) => content), [
    "2 + 3?",
    "4 + 5?",
  ]);
  const [alone] = await model.generate([
    model.tokenizer.encode(chatPrompt(model.tokenizer, "4 + 5?"), { bos: false }),
  ], { temperature: 0, maxTokens: 60 });
  assert.equal(talk.history[3].content, alone.text, "remember: false puts each question alone");

  const stopped = chat(model, {
    signal: AbortSignal.abort(),
    ask: () => "2 + 3?",
    surface: { show() {} },
  });
  await stopped.interactive();
  assert.equal(stopped.history.length, 2);
  model.dispose();
});

testOnCpu("say() is one at a time, and a surface that fails ends nothing", async () => {
  const { model, talk } = await talking({ surface: { show: () => Promise.reject(new Error("gone")) } });
  const first = talk.say("2 + 3?");
  await assert.rejects(talk.say("4?"), /needs the reply before to be done/);
  assert.ok((await first).text.length > 0);
  await talk.say("4 + 1?");
  model.dispose();
});

const turn: ChatTurn = {
  question: "<script>5 + 3?",
  text: "<reasoning>5 + 3 = 8</reasoning><answer>8 <b></answer>",
  pieces: ["<reason", "ing>5 + 3", " = 8</reasoning>", "<answer>8 <b></answer>", ""],
  logprobs: [Math.log(0.5), 0, Math.log(0.25), 0, 0],
  tokens: 5,
  seconds: 0.5,
  ended: "end",
  forgotten: 0,
};

Deno.test("chatHtml() keeps the text whole and escaped, marks tags and answer, and has each token's probability", () => {
  // deno-lint-ignore no-explicit-any
  const { document } = parseHTML(`<html><body>${chatHtml([turn])}</body></html>`) as any;
  assert.equal(document.querySelector("script"), null);
  assert.equal(document.querySelector("b"), null);
  const spans: { textContent: string; getAttribute(name: string): string | null }[] = [
    ...document.querySelectorAll("span"),
  ];
  assert.equal(spans.map(({ textContent }) => textContent).join(""), turn.text);
  assert.deepEqual(
    spans.slice(0, 3).map((span) => [span.textContent, span.getAttribute("title")?.split(",")[0]]),
    [
      ["<reason", "p = 0.5"],
      ["ing>", "p = 1"],
      ["5 + 3", "p = 1"],
    ],
  );
  assert.match(spans[0].getAttribute("style")!, /#7048b6.*rgba\(232,89,12,0\.15\)/);
  assert.match(
    spans.find(({ textContent }) => textContent === "8 <b>")!.getAttribute("style")!,
    /#0b7285.*700/,
  );
  assert.match(document.body.textContent!, /5 tokens · 0\.5 s · 10 tokens\/s/);
});

Deno.test("chatText() is plain, and chatFacts() says what cut a reply", () => {
  assert.equal(
    chatText([turn]),
    `> <script>5 + 3?\n${turn.text}\n  (5 tokens · 0.5 s · 10 tokens/s)`,
  );
  assert.match(chatFacts({ ...turn, ended: "limit" }), /cut at the token limit; raise maxTokens/);
  assert.match(
    chatFacts({ ...turn, ended: "aborted", forgotten: 2 }),
    /stopped · the first 2 turns were left out/,
  );
  assert.equal(chatFacts({ ...turn, ended: undefined, tokens: 0 }), "reading the question…");
});
