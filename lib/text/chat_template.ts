import { Template } from "@huggingface/jinja";
import { PlainError } from "../display/plain_error.ts";

/** A chat template that cannot be used. */
export class ChatTemplateError extends PlainError {
  override name = "ChatTemplateError";
}

/** A chat template, ready to be filled in. */
export interface ChatTemplate {
  /** @throws {Error} what the template raises, such as for roles that do not alternate */
  render(values: Record<string, unknown>): string;
}

type Node = { type?: string } & Record<string, unknown>;

/** String methods as Python has them: @huggingface/jinja 0.5.11 ignores the characters that `strip` is given, and leaves other capitals. */
const methods: Record<string, (text: string, characters?: string | null) => string> = {
  strip: (text, characters) => methods.lstrip(methods.rstrip(text, characters), characters),
  lstrip: (text, characters) => {
    if (typeof characters !== "string") return text.trimStart();
    const all = [...text], at = all.findIndex((character) => !characters.includes(character));
    return at < 0 ? "" : all.slice(at).join("");
  },
  rstrip: (text, characters) => {
    if (typeof characters !== "string") return text.trimEnd();
    const all = [...text], at = all.findLastIndex((character) => !characters.includes(character));
    return all.slice(0, at + 1).join("");
  },
  capitalize: (text) => text.charAt(0).toUpperCase() + text.slice(1).toLowerCase(),
};

/** What calls of our own are named in a template. */
const ownName = (method: string) => `__showwork_${method}`;

/** Turns calls of those methods into calls of ours, in place. */
function mend(node: unknown): void {
  if (Array.isArray(node)) return node.forEach(mend);
  if (typeof node !== "object" || node === null) return;
  const { type, callee, args } = node as Node;
  if (type === "Break" || type === "Continue") {
    throw new ChatTemplateError(
      `reading a chat template: it uses {% ${type.toLowerCase()} %}, at which @huggingface/jinja 0.5.11 loses what the ` +
        "round of the loop has written; write the loop with {% if %} instead, or give another chat_template.jinja",
    );
  }
  const { object, property, computed } = (callee ?? {}) as Node, method = (property as Node)?.value;
  if (
    type === "CallExpression" && (callee as Node).type === "MemberExpression" && !computed &&
    typeof method === "string" && Object.hasOwn(methods, method)
  ) {
    Object.assign(node, {
      callee: { type: "Identifier", value: ownName(method) },
      args: [object, ...args as unknown[]],
    });
  }
  Object.values(node).forEach(mend);
}

const own = Object.fromEntries(Object.entries(methods).map(([name, method]) => [ownName(name), method]));

const read = new Map<string, ChatTemplate>();

/**
 * A Jinja chat template. One that `@huggingface/jinja` would fill in wrongly without a word is mended (`lstrip("x")`) or refused by name
 * (`{% break %}`, `{% continue %}`).
 *
 * @throws {ChatTemplateError} when it is no template, or one that is filled in wrongly
 */
export function chatTemplate(source: string): ChatTemplate {
  const known = read.get(source);
  if (known) return known;
  let template: Template;
  try {
    template = new Template(source);
  } catch (error) {
    throw new ChatTemplateError(`reading a chat template: ${error instanceof Error ? error.message : error}`);
  }
  mend(template.parsed);
  const made: ChatTemplate = { render: (values) => template.render({ ...own, ...values }) };
  read.set(source, made);
  return made;
}
