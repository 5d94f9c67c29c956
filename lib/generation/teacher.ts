import { PlainError } from "../display/plain_error.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** A teacher that a student cannot learn from. */
export class TeacherError extends PlainError {
  /** What tells it from other errors. */
  override name = "TeacherError";
}

/** A model outside this process that says how likely it finds a student's tokens, such as `vllmTeacher`. */
export interface Teacher {
  /** What messages call it. */
  readonly name: string;
  /**
   * Holds its vocabulary against the student's, before any work.
   *
   * @throws {TeacherError} when one of its tokens is another
   */
  check(tokenizer: Tokenizer, signal?: AbortSignal): Promise<void>;
  /**
   * log p of each completion's tokens after its prompt, [sequence, token], nats, at temperature 1.
   *
   * @throws {SamplerError} when it cannot be asked or answers what cannot be used
   */
  logprobs(
    sequences: readonly { prompt: readonly number[]; completion: readonly number[] }[],
    signal?: AbortSignal,
  ): Promise<Float32Array[]>;
}
