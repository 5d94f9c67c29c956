import { dirname, resolve } from "node:path";
import { PlainError } from "../display/plain_error.ts";

/** A result could not be written. The message names the folder and the way out; `cause` holds the system's error. */
export class OutputError extends PlainError {
  /** What tells it from other errors. */
  override name = "OutputError";
}

const reasons: [new () => Error, string][] = [
  [Deno.errors.PermissionDenied, "permission denied"],
  [Deno.errors.NotCapable, "Deno runs without --allow-write"],
  [Deno.errors.NotADirectory, "a part of the path is a file"],
];

/** `error` as an {@linkcode OutputError} that names the folder in which `path` was to be made. */
export function outputError(path: string, error: unknown): OutputError {
  if (error instanceof OutputError) return error;
  // Deno ends its messages with the call and the path, which here is that of a temporary file.
  const message = (error instanceof Error ? error.message : String(error)).replace(/: \w+ '[^']*'.*$/s, "");
  const reason = reasons.find(([kind]) => error instanceof kind)?.[1] ??
    (/ENOSPC|No space/i.test(message)
      ? "the disk is full"
      : /Read-only/i.test(message)
      ? "read-only file system"
      : message);
  return new OutputError(
    `Cannot write '${path}': the folder '${dirname(resolve(path))}' must be writable (${reason}). ` +
      `Choose another folder or change its permissions; nothing that was there has been changed.`,
    { cause: error },
  );
}

/**
 * Writes a file whole or not at all: into a temporary sibling, synced, then renamed over `path`. The folder is made
 * when it is missing. Throws {@linkcode OutputError}, and then an earlier file at `path` is as it was.
 *
 * @example
 * ```ts
 * await writeOutput(`${await Deno.makeTempDir()}/demo/final_results.json`, JSON.stringify({ accuracy: 0.5 }));
 * ```
 */
export async function writeOutput(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.mkdir(dirname(resolve(path)), { recursive: true });
    {
      using file = await Deno.open(temporary, { write: true, createNew: true });
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
      await file.sync();
    }
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw outputError(path, error);
  }
}
