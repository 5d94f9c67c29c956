import { PlainError } from "../display/plain_error.ts";

/** An argument that is not what a function takes: what was called, what it must be, what it got, and the way out. */
export class ArgumentError extends PlainError {
  /** What tells it from other errors. */
  override readonly name = "ArgumentError";
}
