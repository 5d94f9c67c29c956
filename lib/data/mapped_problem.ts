import type { ChatMessage } from "../text/chat_prompt.ts";
import type { FieldMapping } from "./dataset_options.ts";
import { DataError } from "./data_error.ts";
import { difficultyOf } from "./difficulty.ts";
import { optionalText, textField } from "./fields.ts";
import { levelDifficulty } from "./level_difficulty.ts";
import { difficulties, type Difficulty, type Problem } from "./problem.ts";
import type { Row } from "./read_rows.ts";
import { gsm8kSolution } from "./sources.ts";

/** Names that fields of public data sets have, the likeliest first; case does not count. */
const usual: Required<{ [K in keyof FieldMapping]: string[] }> = {
  question: ["question", "problem", "prompt", "query", "instruction", "input", "q"],
  answer: ["answer", "final_answer", "expected_answer", "target", "label", "gold", "a", "output", "response"],
  reasoning: [
    "reasoning",
    "rationale",
    "explanation",
    "solution",
    "steps",
    "chain_of_thought",
    "cot",
    "thinking",
    "reasoning_content",
  ],
  difficulty: ["difficulty", "level"],
  domain: ["domain", "subject", "category", "topic"],
  id: ["id", "unique_id", "problem_id"],
  completion: ["completion", "chosen"],
  messages: ["messages", "conversations", "conversation"],
};

const roles: Record<string, ChatMessage["role"]> = {
  system: "system",
  user: "user",
  human: "user",
  assistant: "assistant",
  gpt: "assistant",
  model: "assistant",
};

/** A chat as data sets write it: `{role, content}` or `{from, value}` a turn, the content a text or a list of texts. */
function chatOf(held: unknown, field: string, where: string): ChatMessage[] {
  const fault = (rule: string, value: unknown) =>
    new DataError(`reading ${where}: "${field}" must be ${rule}, got ${JSON.stringify(value)?.slice(0, 60)}`);
  if (!Array.isArray(held) || held.length === 0) {
    throw fault("a list of turns such as { role, content }", held);
  }
  return held.map((turn) => {
    const name = turn?.role ?? turn?.from, said = turn?.content ?? turn?.value;
    const role = typeof name === "string" ? roles[name.toLowerCase()] : undefined;
    if (!role) throw fault("turns of system, user and assistant", turn);
    const parts = Array.isArray(said) ? said : [{ type: "text", text: said }];
    const texts = parts.map((part) => part?.type === "text" ? part.text : undefined);
    if (!texts.every((text) => typeof text === "string")) throw fault("turns of text", turn);
    return { role, content: texts.join("").normalize("NFC") };
  });
}

/** Tags of this library's own format, which belong in no field but `completion`. */
const tags = /<\/?(?:reasoning|answer|think)>/i;

/**
 * Makes problems of records with fields of other names: those that `fields` gives, others by the names that public data sets use. An answer that ends in
 * `#### 18`, as GSM8K's, is taken apart; difficulty comes from the number of steps where no field says.
 */
export function mappedReader(
  fields: FieldMapping,
  { name, domain }: { name: string; domain: string },
): (row: Row, index: number) => Problem {
  return ({ value, where }, index) => {
    const names = new Map(Object.keys(value).map((field) => [field.toLowerCase(), field]));
    const filled = (field: string) =>
      value[field] !== undefined && value[field] !== null && value[field] !== "";
    const place = (what: keyof FieldMapping): string | undefined =>
      fields[what] ??
        usual[what].map((field) => names.get(field)).find((field) => field !== undefined && filled(field));
    const text = (what: keyof FieldMapping) => {
      const field = place(what);
      return field === undefined ? undefined : optionalText(value, field, where);
    };
    const said = text("difficulty"),
      difficulty = said === undefined
        ? undefined
        : difficultyNamed(said, fields.difficulty !== undefined, where);
    const rest = { id: text("id") ?? `${name}/${index}`, domain: text("domain") ?? domain };

    // a question that is named is meant, whatever else the record holds
    const held =
      fields.question !== undefined && fields.messages === undefined && !Array.isArray(value[fields.question])
        ? null
        : chatField(value, place, where);
    if (held) {
      const question = held.find(({ role }) => role === "user")?.content.trim();
      if (!question || held.at(-1)?.role !== "assistant") {
        throw new DataError(`reading ${where}: a chat needs a user's turn, and an assistant's at its end`);
      }
      const answer = fields.answer || names.has("answer") ? text("answer") ?? "" : "";
      return {
        ...rest,
        question,
        answer,
        messages: held,
        difficulty: difficulty ?? difficultyOf(held.at(-1)!.content),
      };
    }

    const questionField = place("question"), completion = text("completion"), answerField = place("answer");
    if (questionField === undefined || answerField === undefined && completion === undefined) {
      throw new DataError(
        `reading ${where}: no field is known to hold the ${questionField ? "answer" : "question"} among ${
          Object.keys(value).map((field) => `"${field}"`).join(", ")
        }; say which: fields: { question: "…", answer: "…" }`,
      );
    }
    const question = textField(value, questionField, where);
    const answer = completion === undefined ? textField(value, answerField!, where) : text("answer") ?? "";
    const reasoning = text("reasoning");
    const taken = !reasoning && /\n\s*####\s*\S/.test(answer)
      ? gsm8kSolution(answer, where)
      : { answer, reasoning };
    for (const [part, own] of [["answer", taken.answer], ["reasoning", taken.reasoning]] as const) {
      const [tag] = tags.exec(own ?? "") ?? [];
      if (tag) {
        throw new DataError(
          `reading ${where}: the ${part} holds ${tag}, which would be taught twice; take the tags out, or name the field ` +
            `as the whole text to learn: fields: { completion: "…" }`,
        );
      }
    }
    return {
      ...rest,
      question,
      ...taken.reasoning === undefined ? { answer: taken.answer } : taken,
      ...(completion === undefined ? {} : { completion }),
      difficulty: difficulty ?? difficultyOf(taken.reasoning ?? completion ?? question),
    } as Problem;
  };
}

/** The chat of a record: its own field, or `prompt` and `completion` as lists of turns (TRL's conversational form). */
function chatField(
  value: Record<string, unknown>,
  place: (what: keyof FieldMapping) => string | undefined,
  where: string,
): ChatMessage[] | null {
  const field = place("messages");
  if (field !== undefined) return chatOf(value[field], field, where);
  const asked = place("question"), said = place("completion");
  if (asked === undefined || said === undefined || !Array.isArray(value[asked])) return null;
  return [...chatOf(value[asked], asked, where), ...chatOf(value[said], said, where)];
}

/** A difficulty by our names or MATH's levels; one of a guessed field that says neither is passed over. */
function difficultyNamed(said: string, asked: boolean, where: string): Difficulty | undefined {
  const found = difficulties.find((name) => name === said.toLowerCase()) ?? levelDifficulty(said);
  if (found) return found;
  if (!asked) return undefined;
  throw new DataError(
    `reading ${where}: the difficulty must be ${difficulties.join(", ")} or a level from 1 to 5, got ${said}`,
  );
}
