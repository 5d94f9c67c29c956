import { ModelFileError } from "./model_file_error.ts";

/** A file of weights that is open. */
export interface OpenedFile {
  /** The file, to be closed by its owner. */
  file: Deno.FsFile;
  /** Its bytes. */
  size: number;
}

/**
 * Opens a file of weights and gives what `read` makes of its header; what goes wrong there closes the file.
 *
 * @throws {ModelFileError} naming the file, when it cannot be opened
 */
export async function openModelFile<T>(
  path: string,
  read: (opened: OpenedFile) => Promise<T> | T,
): Promise<T> {
  const file = await Deno.open(path).catch((error) => {
    const missing = error instanceof Deno.errors.NotFound;
    throw new ModelFileError(`reading ${path}: ${missing ? "there is no such file" : error.message}`);
  });
  try {
    return await read({ file, size: (await file.stat()).size });
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Fills `bytes` from a place of an open file. @throws {ModelFileError} when the file ends before that */
export async function readModelBytes(
  { file, path }: { file: Deno.FsFile; path: string },
  at: number,
  bytes: Uint8Array,
): Promise<void> {
  await file.seek(at, Deno.SeekMode.Start);
  for (let filled = 0; filled < bytes.length;) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) {
      throw new ModelFileError(
        `reading ${path}: it ends ${bytes.length - filled} bytes early; fetch it again`,
      );
    }
    filled += count;
  }
}
