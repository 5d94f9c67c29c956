import { translucent } from "./palette.ts";

/** How {@linkcode sparkline} draws. */
export interface SparklineOptions {
  /** @default 120 */
  width?: number;
  /** @default 28 */
  height?: number;
  /** `#rrggbb`. @default "#3b5bdb" */
  colour?: string;
  /** The values at the bottom and the top; by default those of the data. */
  range?: [number, number];
}

/**
 * A curve as small as a word, as inline SVG: no axes, its last point marked. Values that are not finite are left out;
 * fewer than two leave the picture empty.
 *
 * @example
 * ```ts
 * sparkline([1, 2, 4], { colour: "#0b8a6a" });
 * ```
 */
export function sparkline(values: number[], options: SparklineOptions = {}): string {
  const { width = 120, height = 28, colour = "#3b5bdb", range } = options;
  const points = values.map((y, x) => ({ x, y })).filter(({ y }) => Number.isFinite(y));
  const open =
    `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" aria-hidden="true">`;
  if (points.length < 2) return `${open}</svg>`;
  const [low, high] = range ?? [Math.min(...points.map(({ y }) => y)), Math.max(...points.map(({ y }) => y))];
  const inset = 3, first = points[0].x, last = points.at(-1)!.x;
  const at = ({ x, y }: { x: number; y: number }) =>
    [
      inset + (width - 2 * inset) * (x - first) / (last - first),
      high === low ? height / 2 : height - inset - (height - 2 * inset) * (y - low) / (high - low),
    ].map((value) => Number(value.toFixed(1)));
  const path = points.map((point, i) => `${i ? "L" : "M"}${at(point).join(" ")}`).join("");
  const [endX, endY] = at(points.at(-1)!);
  return `${open}<path d="${path}L${endX} ${height}L${inset} ${height}Z" fill="${
    translucent(colour, 0.1)
  }"/>` +
    `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5" stroke-linejoin="round"/>` +
    `<circle cx="${endX}" cy="${endY}" r="2.2" fill="${colour}"/></svg>`;
}
