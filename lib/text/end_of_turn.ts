import { chatTemplate } from "./chat_template.ts";

/** Something that no template writes by itself. */
const said = "showwork-says-this";

/** What a template writes after the last words of an assistant's turn; `null` when it takes no such chat. */
export function afterAssistantTurn(template: string, specialTokens: Record<string, string>): string | null {
  try {
    const text = chatTemplate(template).render({
      messages: [{ role: "user", content: "?" }, { role: "assistant", content: said }],
      add_generation_prompt: false,
      ...specialTokens,
    });
    const at = text.lastIndexOf(said);
    return at < 0 ? null : text.slice(at + said.length);
  } catch {
    return null;
  }
}
