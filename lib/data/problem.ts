import type { ChatMessage } from "../text/chat_prompt.ts";

/** How hard a problem is: `easy` takes one step, `medium` two, `hard` three or more. */
export type Difficulty = "easy" | "medium" | "hard";

/** The difficulties in the order a curriculum visits them. */
export const difficulties: readonly Difficulty[] = ["easy", "medium", "hard"];

/** One question with its reference answer: the unit that every stage, reward and evaluation works on. */
export interface Problem {
  /** Unique within a dataset and stable between runs, such as `generated/17/42` or `gsm8k/train/6`. */
  id: string;
  /** What the model is asked, without any instruction or tag. */
  question: string;
  /** The reference answer, as short as it can be: `18`, `3/4`, `Paris`; empty where only a text to learn is known. */
  answer: string;
  /** A worked solution in plain prose, one step a sentence, without tags. */
  reasoning?: string;
  /** How hard it is. */
  difficulty: Difficulty;
  /** `maths`, `coding`, `science`, `logic`, `general knowledge`, … */
  domain: string;
  /** The computational graph of the solution (R2), where it is known. */
  graph?: unknown;
  /** What SFT teaches to say, word for word, in place of a demonstration written from reasoning and answer. */
  completion?: string;
  /** A whole chat; SFT learns the assistant's turns. `question` is its first user turn. */
  messages?: ChatMessage[];
}

/** A training and a test set that share no problem. */
export interface Dataset {
  /** What is learned from. */
  train: Problem[];
  /** What is held out. */
  test: Problem[];
}
