import { DataError } from "./data_error.ts";
import { beginsWith } from "./read_bytes.ts";

/**
 * The text of a data file: UTF-8, or UTF-16 that says so by its byte order mark, as PowerShell's `>` writes; the mark is taken off.
 *
 * @throws {DataError} for any other encoding: names the line and byte, and what the encoding may be
 */
export function decodeText(bytes: Uint8Array, path: string): string {
  if (beginsWith(bytes, [0xff, 0xfe, 0, 0]) || beginsWith(bytes, [0, 0, 0xfe, 0xff])) {
    throw new DataError(`reading data: ${path} is UTF-32; save it as UTF-8`);
  }
  if (beginsWith(bytes, [0xff, 0xfe]) || beginsWith(bytes, [0xfe, 0xff])) {
    try {
      return new TextDecoder(bytes[0] === 0xff ? "utf-16le" : "utf-16be", { fatal: true }).decode(bytes);
    } catch {
      throw new DataError(`reading data: ${path} is UTF-16 but damaged or cut off; save it as UTF-8`);
    }
  }
  const start = bytes.subarray(0, 2000), zeros = start.filter((byte) => byte === 0).length;
  if (zeros > start.length / 8) {
    throw new DataError(
      `reading data: ${path} is UTF-16 without a byte order mark, or no text; save it as UTF-8`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const at = firstBadByte(bytes), line = bytes.subarray(0, at).filter((byte) => byte === 10).length + 1;
    throw new DataError(
      `reading ${path}, line ${line}: it is not UTF-8 (byte ${
        bytes[at].toString(16).toUpperCase()
      }), perhaps Latin-1 or Windows-1252; save it as UTF-8: iconv -f WINDOWS-1252 -t UTF-8`,
    );
  }
}

/** Where UTF-8 breaks, by halving: a prefix decodes as a stream until it holds the bad byte. */
function firstBadByte(bytes: Uint8Array): number {
  const sound = (end: number) => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, end), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  let low = 0, high = bytes.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (sound(middle)) low = middle;
    else high = middle - 1;
  }
  let at = Math.min(low, bytes.length - 1);
  // what breaks is the byte that began a character, not the one that did not go on with it
  while (at > 0 && bytes[at] < 0xc0 && bytes[at - 1] >= 0x80) at--;
  return at;
}
