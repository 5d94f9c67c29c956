const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * `base` with `overrides` laid over it: groups merge key by key, everything else, lists too, is replaced. A group that
 * brings its own `kind` replaces the old one whole, since the other keys belonged to the old kind. Neither is changed.
 */
export function mergeOverrides(base: unknown, overrides: unknown): unknown {
  if (overrides === undefined) return base;
  if (!isGroup(base) || !isGroup(overrides) || "kind" in overrides) return overrides;
  const result = { ...base };
  for (const [key, value] of Object.entries(overrides)) {
    if (key !== "__proto__") result[key] = mergeOverrides(base[key], value);
  }
  return result;
}
