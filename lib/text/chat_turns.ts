import { type ChatMessage, chatPrompt, type ChatPromptOptions } from "./chat_prompt.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** One of the assistant's turns in a chat, as tokens. */
export interface ChatTurnTokens {
  /** All that was said before, up to where the assistant begins to speak. */
  prompt: number[];
  /** What it says, to the end that the template gives its turn. */
  completion: number[];
}

/**
 * The assistant's turns of a chat, each after all that was said before it as the template shows it then: what to learn from a chat, and nothing else of
 * it. Joined, their completions are the tokens that TRL's `assistant_only_loss` learns from.
 *
 * @throws {Error} what the template raises, such as for roles that do not alternate
 * @example
 * ```ts
 * import { loadTokenizer } from "../../mod.ts";
 * import { chatTurns } from "./chat_turns.ts";
 * const tokenizer = await loadTokenizer("data/models/tiny-gemma");
 * const [turn] = chatTurns(tokenizer, [{ role: "user", content: "2 + 3?" }, { role: "assistant", content: "5" }]);
 * tokenizer.decode(turn.completion); // "5<end_of_turn>\n"
 * ```
 */
export function chatTurns(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: Omit<ChatPromptOptions, "addGenerationPrompt"> = {},
): ChatTurnTokens[] {
  const given = messages[0]?.role === "system" ? { ...options, system: undefined } : options;
  const text = (end: number, addGenerationPrompt: boolean) =>
    chatPrompt(tokenizer, messages.slice(0, end), { ...given, addGenerationPrompt });
  const encode = (part: string) => tokenizer.encode(part, { bos: false });
  return messages.flatMap(({ role, content }, i) => {
    if (role !== "assistant") return [];
    const before = text(i, true), whole = text(i + 1, false), prompt = encode(before);
    if (!whole.startsWith(before)) {
      // a template that writes a turn in hand otherwise than one that is over
      return [{ prompt, completion: [...encode(content), tokenizer.endOfTurnId] }];
    }
    const all = encode(whole), joined = prompt.every((id, at) => all[at] === id);
    return [{ prompt, completion: joined ? all.slice(prompt.length) : encode(whole.slice(before.length)) }];
  });
}
