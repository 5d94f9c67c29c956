/** Digits that a 64-bit floating-point number keeps for certain. */
const kept = 15;

/** Whether a number as JSON spells it survives in 64-bit floating point. */
function survives(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  if (Number.isInteger(value)) return Number.isSafeInteger(value);
  const digits = source.replace(/e.*$/i, "").replace(/[-.]/g, "").replace(/^0+/, "");
  return digits.length <= kept || String(value) === source;
}

/** JSON in which a number that floating point would change, such as `9223372036854775808`, stays the text that stands there. */
export function parseExactly(text: string): unknown {
  return JSON.parse(
    text,
    ((_: string, value: unknown, { source }: { source?: string }) =>
      typeof value === "number" && source !== undefined && !survives(value, source) ? source : value) as (
        key: string,
        value: unknown,
      ) => unknown,
  );
}
