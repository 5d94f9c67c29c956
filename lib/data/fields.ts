import { DataError } from "./data_error.ts";

/**
 * A text field of a record, in Unicode's composed form (NFC); a number, of whatever size, is the text that it is written as. `undefined` when the
 * field is absent, `null` or empty, as `datasets` writes optional fields.
 *
 * @throws {DataError} when it holds anything else
 */
export function optionalText(
  value: Record<string, unknown>,
  field: string,
  where: string,
): string | undefined {
  const held = value[field];
  if (held === undefined || held === null) return undefined;
  const text = typeof held === "number" && Number.isFinite(held) || typeof held === "bigint" ||
      typeof held === "boolean"
    ? String(held)
    : held;
  if (typeof text !== "string") {
    throw new DataError(
      `reading ${where}: the field "${field}" must hold a text, got ${JSON.stringify(held)?.slice(0, 60)}`,
    );
  }
  return text.trim() ? text.trim().normalize("NFC") : undefined;
}

/** The same of a field that must be there. @throws {DataError} when it is missing or empty */
export function textField(value: Record<string, unknown>, field: string, where: string): string {
  const text = optionalText(value, field, where);
  if (text === undefined) {
    throw new DataError(
      `reading ${where}: the field "${field}" must hold a text, got ${
        JSON.stringify(value[field])?.slice(0, 60)
      }`,
    );
  }
  return text;
}
