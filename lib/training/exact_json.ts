const special = (value: number) => !Number.isFinite(value) || Object.is(value, -0);

/**
 * `JSON.stringify` that keeps NaN, ±Infinity and −0, which JSON would turn into `null` and 0: they are written as
 * `{"$number": "NaN"}`. {@linkcode parseExact} reads them back.
 *
 * @example
 * ```ts
 * import { parseExact, stringifyExact } from "./exact_json.ts";
 * parseExact(stringifyExact({ loss: NaN })); // { loss: NaN }
 * ```
 */
export function stringifyExact(value: unknown, space?: number): string {
  return JSON.stringify(
    value,
    (_, part) =>
      typeof part === "number" && special(part) ? { $number: Object.is(part, -0) ? "-0" : `${part}` } : part,
    space,
  );
}

/** Reads what {@linkcode stringifyExact} wrote. Throws a `SyntaxError` as `JSON.parse` does. */
export function parseExact(text: string): unknown {
  return JSON.parse(
    text,
    (_, part) =>
      part !== null && typeof part === "object" && typeof part.$number === "string"
        ? Number(part.$number)
        : part,
  );
}
