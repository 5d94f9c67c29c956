/** A file of a model (configuration, weights, tokenizer, adapter) that is missing, damaged or not what was expected. */
export class ModelFileError extends Error {
  override name = "ModelFileError";
}
