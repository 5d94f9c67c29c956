/**
 * Seconds as people say them: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`.
 *
 * @example
 * ```ts
 * formatDuration(185); // "3 min 05 s"
 * ```
 */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** A share as a percentage: `98.4 %`. */
export function formatPercent(share: number, { digits = 1 }: { digits?: number } = {}): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)} %` : "–";
}

/** A measurement with three significant digits and no needless zeros: `0.0123`, `4.57`, `1240`, `2.1e-5`. */
export function formatNumber(value: number | null | undefined): string {
  if (value === undefined || value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-3) return value.toExponential(1);
  if (size >= 1000) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}
