import { chatTemplate } from "./chat_template.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** One turn of a chat. */
export interface ChatMessage {
  /** Who speaks. */
  role: "system" | "user" | "assistant";
  /** What is said. */
  content: string;
}

/** Options of {@linkcode chatPrompt}. */
export interface ChatPromptOptions {
  /** A system prompt before the messages. */
  system?: string;
  /** End where the model begins to speak. @default true */
  addGenerationPrompt?: boolean;
  /** Values for the template's own variables, such as `{ enable_thinking: false }` of Qwen 3. TRL: chat_template_kwargs. */
  templateOptions?: Record<string, unknown>;
}

/** What a template is given by the chat itself, and so is no option. */
const reserved = ["messages", "add_generation_prompt"];

/**
 * A chat as the model expects it, by its own template. A string is one user message. A tokenizer without a template gets
 * the contents alone, a line each; a system prompt that the template has no place for goes before the first user turn, as Gemma 3
 * has it. The text holds the special tokens, so encode it with `{ bos: false }`.
 *
 * @throws {ChatTemplateError} for a template that cannot be filled in rightly
 * @throws {Error} what the template raises, such as for roles that do not alternate
 */
export function chatPrompt(
  tokenizer: Tokenizer,
  messages: string | readonly ChatMessage[],
  { system, addGenerationPrompt = true, templateOptions = {} }: ChatPromptOptions = {},
): string {
  const taken = reserved.find((name) => Object.hasOwn(templateOptions, name));
  if (taken) {
    throw new RangeError(`making a chat prompt: ${taken} is no template option, the chat itself gives it`);
  }
  const turns: readonly ChatMessage[] = typeof messages === "string"
    ? [{ role: "user", content: messages }]
    : messages;
  const all = system ? [{ role: "system" as const, content: system }, ...turns] : turns;
  if (tokenizer.chatTemplate === null) {
    return `${tokenizer.specialTokens.bos_token ?? ""}${all.map(({ content }) => content).join("\n")}\n`;
  }
  const template = chatTemplate(tokenizer.chatTemplate);
  const render = (messages: readonly ChatMessage[]) =>
    template.render({
      ...tokenizer.specialTokens,
      ...templateOptions,
      messages,
      add_generation_prompt: addGenerationPrompt,
    });
  if (all[0]?.role !== "system") return render(all);
  try {
    const text = render(all);
    if (text.includes(all[0].content.trim())) return text;
  } catch (error) {
    if (all[1]?.role !== "user") throw error;
  }
  // a template without system turns refuses them (Gemma 2) or leaves them out
  const [{ content }, first, ...rest] = all;
  return render(
    first?.role === "user" ? [{ role: "user", content: `${content}\n\n${first.content}` }, ...rest] : all,
  );
}
