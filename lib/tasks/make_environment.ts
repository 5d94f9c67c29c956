/**
 * Makes the notebook environment and nothing else, for machines that only test; in another folder than `.venv` when one is named.
 *
 * @module
 */
import { PlainError } from "../display/plain_error.ts";
import { notebookEnvironment } from "./environment.ts";

try {
  const { directory } = await notebookEnvironment({ directory: Deno.args[0] });
  console.log(`The notebook environment is ${directory}`);
} catch (error) {
  if (!(error instanceof PlainError)) throw error;
  console.error(error.message);
  Deno.exit(1);
}
