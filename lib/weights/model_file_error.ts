import { PlainError } from "../display/plain_error.ts";

/** A file of a model (configuration, weights, tokenizer, adapter) that is missing, damaged or not what was expected. */
export class ModelFileError extends PlainError {
  /** What tells it from other errors. */
  override name = "ModelFileError";
}
