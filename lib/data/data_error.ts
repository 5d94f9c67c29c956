import { PlainError } from "../display/plain_error.ts";

/** A data file that is missing, or a line of one that breaks a rule. */
export class DataError extends PlainError {
  /** What tells it from other errors. */
  override name = "DataError";
}
