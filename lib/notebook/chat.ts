import type { FormatOption } from "../formats/format_schema.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import { displayable } from "../display/displayable.ts";
import { escapeHtml } from "../display/escape_html.ts";
import { visible, visibleLine } from "../display/visible.ts";
import { type MediaBundle, showResult } from "../display/show_result.ts";
import type { CausalLM, Completion, GenerateOptions } from "../models/causal_lm.ts";
import { type ChatMessage, chatPrompt } from "../text/chat_prompt.ts";
import { chatFacts, chatHtml, chatText, type ChatTurn } from "./chat_view.ts";
import { kernel } from "../display/kernel.ts";
import { stopButton } from "./stop_button.ts";
import { checkArgument } from "../options/check_argument.ts";

/** Options of {@linkcode chat}: those of `model.generate`, and these. */
export interface ChatOptions extends Omit<GenerateOptions, "n" | "onText" | "onProgress" | "lookEvery"> {
  /** What the model is told before the first turn. @default none */
  system?: string;
  /** How replies are read. @default "tags" */
  format?: FormatOption;
  /** Values for the chat template's own variables, such as `{ enable_thinking: false }`. @default none */
  chatTemplateOptions?: Record<string, unknown>;
  /** Whether the model sees the turns before; `false` puts each question alone. @default true */
  remember?: boolean;
  /** 0 takes the likeliest token, as `evaluate` does. @default 0 */
  temperature?: number;
  /** Longest reply in tokens. @default 256, or half of the model's positions */
  maxTokens?: number;
  /** Where replies are drawn. Given only by tests and other front ends; a chat finds its own. */
  surface?: ChatSurface;
  /** Asks a person for the next question; `null` or an empty one ends `interactive`. @default prompt */
  ask?: (message: string) => string | null;
}

/** Where a chat draws a turn; `fresh` is the text that is new since the last call. */
export interface ChatSurface {
  /** Shows a turn as it stands; `fresh` is the text since the last call. */
  show(turn: ChatTurn, when: { first: boolean; last: boolean; fresh: string }): void | Promise<void>;
}

/** What the model replied. */
export interface ChatReply {
  /** What the model wrote. */
  text: string;
  /** What the format reads as reasoning, `null` without. */
  reasoning: string | null;
  /** What the format reads as answer, `null` without. */
  answer: string | null;
  /** Tokens with their log-probabilities, and what ended it. */
  completion: Completion;
  /** How long it took. */
  seconds: number;
  /** Its speed. */
  tokensPerSecond: number;
}

/** The least time between two drawings of a reply in a notebook, in ms. */
const interval = 100;

/** A conversation with a model. Made by {@linkcode chat}. */
export class Chat {
  /** The turns so far; change it, or empty it with `reset`, as you like. */
  history: ChatMessage[] = [];
  /** Who answers. */
  readonly model: CausalLM;
  readonly #options: ChatOptions;
  #turns: ChatTurn[] = [];
  #busy = false;

  /** Begins a conversation with nothing said. */
  constructor(model: CausalLM, options: ChatOptions = {}) {
    this.model = model;
    this.#options = options;
  }

  /**
   * Says something; the reply streams into one output that is updated in place. ■ or Ctrl-C ends the reply, and what came of it
   * stays in the history.
   *
   * @throws {RangeError} when the text alone does not fit the model's context
   */
  async say(text: string): Promise<ChatReply> {
    if (this.#busy) {
      throw new RangeError("saying something needs the reply before to be done; await it first");
    }
    const {
      system: _,
      chatTemplateOptions: ___,
      format = "tags",
      remember = true,
      surface = kernel() ? notebookSurface() : terminalSurface(),
      ask: __,
      signal,
      ...sampling
    } = this.#options;
    const { ids, forgotten } = this.#prompt([...remember ? this.history : [], {
      role: "user",
      content: text,
    }]);
    const started = performance.now(), button = stopButton(), stop = new AbortController();
    this.#busy = true;
    const turn: ChatTurn = { question: text, text: "", tokens: 0, seconds: 0, forgotten };
    let fresh = "", first = true, drawn = -Infinity, queue: Promise<void> = Promise.resolve();
    const draw = (last: boolean) => {
      turn.seconds = (performance.now() - started) / 1000;
      const shown = { ...turn }, when = { first, last, fresh };
      [first, fresh, drawn] = [false, "", performance.now()];
      // a front end that goes away never ends a conversation
      queue = queue.then(() => surface.show(shown, when)).catch(() => {});
    };
    try {
      draw(false);
      const [completion] = await this.model.generate([ids], {
        temperature: 0,
        ...sampling,
        maxTokens: this.#maxTokens,
        seed: (sampling.seed ?? 0) + this.#turns.length,
        signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
        onProgress: () => button.pressed && stop.abort(),
        onText: ({ text, tokens }) => {
          turn.text += text;
          turn.tokens = tokens;
          fresh += text;
          if (performance.now() - drawn >= interval) draw(false);
        },
      });
      const { text: whole, pieces, logprobs, ended, tokens } = completion;
      Object.assign(turn, { text: whole, pieces, logprobs, ended, tokens: tokens.length });
      draw(true);
      await queue;
      this.history.push({ role: "user", content: text }, { role: "assistant", content: whole });
      this.#turns.push(turn);
      const { seconds } = turn, { reasoning, answer } = responseFormatOf(format).read(whole);
      const reply = {
        text: whole,
        reasoning,
        answer,
        completion,
        seconds,
        tokensPerSecond: tokens.length / seconds,
      };
      return displayable(reply, { text: () => chatFacts(turn), html: () => "" });
    } catch (error) {
      turn.ended = "aborted";
      draw(true);
      throw error;
    } finally {
      button.release();
      this.#busy = false;
    }
  }

  /** Asks for questions, in a notebook by Jupyter's input field, until an empty one comes or a reply is stopped. */
  async interactive(): Promise<void> {
    const { ask = prompt } = this.#options;
    // Jupyter's console sends the character itself when a person presses Ctrl-D
    const next = () => ask("You:")?.replaceAll("\x04", "").trim();
    for (let text = next(); text; text = next()) {
      const { completion } = await this.say(text);
      if (completion.ended === "aborted") break;
    }
  }

  /** Forgets the conversation. */
  reset(): void {
    this.history = [];
    this.#turns = [];
  }

  get #maxTokens(): number {
    return this.#options.maxTokens ?? Math.min(256, Math.floor(this.model.config.maxPositions / 2));
  }

  /** The token ids of the conversation, its oldest turns left out until it fits. */
  #prompt(messages: ChatMessage[]): { ids: number[]; forgotten: number } {
    const { tokenizer, config } = this.model,
      { system, chatTemplateOptions: templateOptions } = this.#options;
    const longest = config.maxPositions - this.#maxTokens;
    for (let from = 0;; from += 2) {
      const text = chatPrompt(tokenizer, messages.slice(from), { system, templateOptions });
      const ids = tokenizer.encode(text, { bos: false });
      if (ids.length <= longest) return { ids, forgotten: from / 2 };
      if (from + 2 < messages.length) continue;
      throw new RangeError(
        `saying something needs at most ${longest} tokens, so that ${this.#maxTokens} of the model's ${config.maxPositions} positions are left to reply, got ${ids.length}; say less, or lower maxTokens`,
      );
    }
  }

  /** How a terminal shows it. */
  toString(): string {
    const head = `Chat with ${visibleLine(this.model.source)}`;
    return this.#turns.length
      ? `${head}\n${chatText(this.#turns)}`
      : `${head}: await chat.say("What is 2 + 3?")`;
  }

  /** How a notebook shows it. */
  [Symbol.for("Jupyter.display")](): Promise<MediaBundle> {
    const head = `<div style="font:600 13px sans-serif">Chat with ${escapeHtml(this.model.source)}</div>`;
    return showResult({ "text/html": head + chatHtml(this.#turns), "text/plain": this.toString() });
  }

  /** How a terminal shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}

/**
 * A conversation to try a model by hand. `say` streams the reply into one output, reasoning and answer in colour, each token's
 * probability on hover; `interactive` asks for questions until an empty one.
 *
 * @example
 * ```ts
 * import { chat, loadModel } from "../../mod.ts";
 * const talk = chat(await loadModel("data/models/tiny-gemma"), { system: "Show your work.", maxTokens: 32, ask: () => null });
 * await talk.say("What is 2 + 3?");
 * await talk.interactive(); // until an empty question
 * ```
 */
export function chat(model: CausalLM, options: ChatOptions = {}): Chat {
  checkArgument("chat's first argument", "model", model);
  return new Chat(model, options);
}

function notebookSurface(): ChatSurface {
  const jupyter = kernel()!, id = crypto.randomUUID();
  return {
    async show(turn, { first }) {
      await jupyter.broadcast(first ? "display_data" : "update_display_data", {
        data: { "text/html": chatHtml([turn]), "text/plain": chatText([turn]) },
        metadata: {},
        transient: { display_id: id },
      });
    },
  };
}

function terminalSurface(): ChatSurface {
  const write = (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(text));
  return {
    show: (turn, { last, fresh }) => write(`${visible(fresh)}${last ? `\n  (${chatFacts(turn)})\n` : ""}`),
  };
}
