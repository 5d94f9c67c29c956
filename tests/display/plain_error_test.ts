import assert from "node:assert/strict";
import { PlainError } from "../../lib/display/plain_error.ts";

class FolderError extends PlainError {
  override name = "FolderError";
}

Deno.test("PlainError prints as its message alone and keeps its frames and its cause", () => {
  const cause = new Error("EACCES"), error = new FolderError("Cannot write.", { cause });
  assert.equal(error.stack, "FolderError: Cannot write.");
  assert.match(error.frames!, /plain_error_test\.ts/);
  assert.equal(error.cause, cause);
  assert.ok(error instanceof Error && error instanceof FolderError && error.name === "FolderError");
});
