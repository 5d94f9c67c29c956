import { DataError } from "./data_error.ts";

/** First bytes of files that hold no text, and what to do with them. */
const containers: [name: string, bytes: number[], way: string][] = [
  ["a zip archive or a spreadsheet", [0x50, 0x4b, 3, 4], "unpack it, or save the sheet as CSV"],
  ["compressed by zstd", [0x28, 0xb5, 0x2f, 0xfd], "unpack it: zstd -d"],
  ["compressed by bzip2", [0x42, 0x5a, 0x68], "unpack it: bunzip2"],
  ["compressed by xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a], "unpack it: unxz"],
  ["an Arrow file", [0x41, 0x52, 0x52, 0x4f, 0x57, 0x31], "save it as parquet or JSONL"],
  ["a SQLite database", [0x53, 0x51, 0x4c, 0x69, 0x74, 0x65], "export the table as CSV"],
];

/** Whether bytes begin with some others. */
export const beginsWith = (bytes: Uint8Array, start: readonly number[]): boolean =>
  start.every((byte, i) => bytes[i] === byte);

/**
 * A data file's bytes, unpacked when gzip packed them.
 *
 * @throws {DataError} when it cannot be read, or is no file of text or parquet: says what it is and what to do
 */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    throw new DataError(
      `reading data: ${path} ${
        missing
          ? "does not exist; give the path of the file or folder"
          : `cannot be read (${error instanceof Error ? error.message : error})`
      }`,
    );
  }
  if (beginsWith(bytes, [0x1f, 0x8b])) {
    try {
      const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      bytes = new Uint8Array(await new Response(plain).arrayBuffer());
    } catch {
      throw new DataError(`reading data: ${path} is gzip but damaged or cut off; fetch it again`);
    }
  }
  const container = containers.find(([, start]) => beginsWith(bytes, start));
  if (container) throw new DataError(`reading data: ${path} is ${container[0]}; ${container[2]}`);
  return bytes;
}
