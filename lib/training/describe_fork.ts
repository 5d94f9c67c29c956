import type { Fork } from "./run.ts";

function shown(value: unknown): string {
  if (typeof value === "number" || typeof value === "string") return String(value);
  if (value === null || value === undefined) return "none";
  const { kind, peak } = value as { kind?: unknown; peak?: unknown };
  if (peak !== undefined) return `${kind ?? "constant"} ${peak}`;
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

/**
 * What changed at a fork, a line each: `learningRate 0.001 to 0.0001`, `beta 0.04 to 0.1`.
 *
 * @example
 * ```ts
 * import { describeFork } from "./describe_fork.ts";
 * const changes = { learningRate: { from: 1e-3, to: 1e-4 } };
 * describeFork({ changes }); // ["learningRate 0.001 to 0.0001"]
 * ```
 */
export function describeFork({ changes }: Pick<Fork, "changes">): string[] {
  return Object.entries(changes).map(([key, { from, to }]) => `${key} ${shown(from)} to ${shown(to)}`);
}
