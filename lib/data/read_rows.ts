import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import Papa from "papaparse";
import { DataError } from "./data_error.ts";
import { decodeText } from "./decode_text.ts";
import { parseExactly } from "./parse_exactly.ts";
import { beginsWith, readBytes } from "./read_bytes.ts";

/** One record of a data file. */
export interface Row {
  /** Its place, for messages: `train.jsonl, line 4`. */
  where: string;
  value: Record<string, unknown>;
}

/** A line that holds no record. */
export interface BadLine {
  where: string;
  reason: string;
}

/** What a data file holds. */
export interface Rows {
  rows: Row[];
  bad: BadLine[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const quoted = (text: string) => text.length > 60 ? `${text.slice(0, 60)}…` : text;

/**
 * The records of a data file, whatever its kind: JSONL, a JSON array (also as the one list of an object), CSV or TSV with a header line,
 * parquet; packed by gzip or not. The kind is told by the content, CSV and TSV by the file's name too.
 *
 * @throws {DataError} when the file as a whole cannot be read; a bad line is given back in `bad`
 */
export async function readRows(path: string): Promise<Rows> {
  const bytes = await readBytes(path);
  if (beginsWith(bytes, [0x50, 0x41, 0x52, 0x31])) return await parquetRows(bytes, path);
  const text = decodeText(bytes, path), name = path.toLowerCase().replace(/\.gz$/, "");
  const [first] = text.trimStart();
  if (/^\s*<(!doctype|html)/i.test(text)) {
    throw new DataError(`reading data: ${path} is a web page; fetch the file itself (its "raw" link)`);
  }
  if (text.startsWith("version https://git-lfs.github.com")) {
    throw new DataError(`reading data: ${path} only points at the file (Git LFS); run git lfs pull`);
  }
  if (/\.[ct]sv$/.test(name) || (first !== undefined && !"{[".includes(first) && !/\.jsonl?$/.test(name))) {
    return tableRows(text, path, name.endsWith(".tsv") ? "\t" : undefined);
  }
  return first === "[" || name.endsWith(".json") && !/\}\s*\n\s*\{/.test(text)
    ? wholeRows(text, path)
    : lineRows(text, path);
}

async function parquetRows(bytes: Uint8Array<ArrayBuffer>, path: string): Promise<Rows> {
  try {
    const rows = await parquetReadObjects({ file: bytes.buffer, compressors });
    return { rows: rows.map((value, i) => ({ where: `${path}, row ${i + 1}`, value })), bad: [] };
  } catch (error) {
    throw new DataError(
      `reading data: ${path} is parquet but cannot be read (${
        error instanceof Error ? error.message : error
      }); fetch it again`,
    );
  }
}

/** JSON Lines: blank lines hold nothing. */
function lineRows(text: string, path: string): Rows {
  const rows: Row[] = [], bad: BadLine[] = [];
  for (const [i, line] of text.split(/\r?\n|\r/).entries()) {
    if (!line.trim()) continue;
    const where = `${path}, line ${i + 1}`;
    try {
      const value = parseExactly(line);
      if (isObject(value)) rows.push({ where, value });
      else bad.push({ where, reason: `it is not a JSON object: ${quoted(line)}` });
    } catch {
      bad.push({ where, reason: `it is not JSON: ${quoted(line)}` });
    }
  }
  return { rows, bad };
}

/** One JSON value: a list of records, or an object in which exactly one field is such a list. */
function wholeRows(text: string, path: string): Rows {
  let value: unknown;
  try {
    value = parseExactly(text);
  } catch (error) {
    throw new DataError(`reading ${path}: it is not JSON (${(error as Error).message})`);
  }
  const lists = isObject(value)
    ? Object.values(value).filter((field) => Array.isArray(field) && field.some(isObject))
    : [];
  const list = Array.isArray(value) ? value : lists.length === 1 ? lists[0] as unknown[] : null;
  if (list === null) {
    if (isObject(value)) return { rows: [{ where: path, value }], bad: [] };
    throw new DataError(`reading ${path}: it must be a JSON array of problems, or JSONL`);
  }
  const rows: Row[] = [], bad: BadLine[] = [];
  for (const [i, item] of list.entries()) {
    const where = `${path}, problem ${i + 1}`;
    if (isObject(item)) rows.push({ where, value: item });
    else bad.push({ where, reason: `it is not a JSON object: ${quoted(JSON.stringify(item))}` });
  }
  return { rows, bad };
}

/** CSV or TSV whose first line names the columns. */
function tableRows(text: string, path: string, delimiter?: string): Rows {
  const { data, errors, meta } = Papa.parse<Record<string, string>>(text, {
    header: true,
    skipEmptyLines: "greedy",
    delimiter,
    transformHeader: (name) => name.trim(),
  });
  if (!meta.fields?.length) throw new DataError(`reading data: ${path} is empty`);
  const faults = new Map(
    errors.filter(({ row }) => row !== undefined).map(({ row, message }) => [row!, message]),
  );
  const rows: Row[] = [], bad: BadLine[] = [];
  for (const [i, value] of data.entries()) {
    const where = `${path}, record ${i + 1}`, reason = faults.get(i);
    if (reason) {
      bad.push({ where, reason: `${reason}: ${quoted(Object.values(value).join(meta.delimiter))}` });
    } else rows.push({ where, value });
  }
  return { rows, bad };
}
