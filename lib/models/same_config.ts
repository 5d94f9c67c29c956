import type { DecoderConfig } from "./decoder_config.ts";

/** The first field in which two configurations differ, but for the last places of numbers; `null` when they are the same. */
export function differingField(
  a: DecoderConfig,
  b: DecoderConfig,
  { tolerance = 1e-12 }: { tolerance?: number } = {},
): keyof DecoderConfig | null {
  const alike = (a: unknown, b: unknown): boolean => {
    if (typeof a === "number" && typeof b === "number") return Math.abs(a - b) <= tolerance * Math.abs(a);
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length &&
      keys.every((key) => alike(a[key as keyof typeof a], b[key as keyof typeof b]));
  };
  return (Object.keys(a) as (keyof DecoderConfig)[]).find((key) => !alike(a[key], b[key])) ?? null;
}
