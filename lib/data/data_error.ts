import { PlainError } from "../display/plain_error.ts";

/** A data file that is missing, or a line of one that breaks a rule. */
export class DataError extends PlainError {
  override name = "DataError";
}
