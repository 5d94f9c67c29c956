import { Figure } from "./figure.ts";
import { escapeHtml } from "../display/escape_html.ts";
import { fontFamily, ink } from "../display/palette.ts";

/** One chart of a grid: its traces without axes, a title that names the quantity and a subtitle that reads it. */
export interface Panel {
  title: string;
  /** What the numbers mean and which way is good; may hold Plotly's `<span style="color:…">`. */
  subtitle: string;
  traces: Record<string, unknown>[];
  /** Options of the panel's axes, over the house defaults. */
  x?: Record<string, unknown>;
  y?: Record<string, unknown>;
  /** Shapes in the panel's own coordinates; `xref` and `yref` are filled in (`yref: "paper"` spans the panel). */
  shapes?: Record<string, unknown>[];
  /** Notes in the panel's own coordinates. */
  annotations?: Record<string, unknown>[];
}

/** How {@linkcode smallMultiples} lays out its panels. */
export interface SmallMultiplesOptions {
  title: string;
  subtitle?: string;
  /** @default 3 */
  columns?: number;
  /** Height of a panel's plotting area, in pixels. @default 170 */
  panelHeight?: number;
  /** Width of the saved picture; on screen the figure fills its page. */
  width?: number;
}

const heading = 58, footing = 44, bottom = 16, side = 60, right = 20, gutter = 0.06;

const lineCount = (text = "") => text.split("<br>").length;

/** The layout that every figure starts from: type, paper, and a title at the left with its subtitle below. */
export function houseLayout(
  { title, subtitle }: { title: string; subtitle?: string },
): Record<string, unknown> {
  return {
    font: { family: fontFamily, size: 12, color: ink.text },
    paper_bgcolor: ink.paper,
    plot_bgcolor: ink.paper,
    hoverlabel: { font: { family: fontFamily, size: 12 } },
    title: {
      text: `<b>${title}</b>`,
      font: { size: 21 },
      x: 0,
      xref: "container",
      xanchor: "left",
      pad: { l: 27 },
      y: 1,
      yref: "container",
      yanchor: "top",
      ...(subtitle ? { subtitle: { text: subtitle, font: { size: 13, color: ink.muted } } } : {}),
    },
  };
}

/** An axis in the house style: hairline grid, no box, ticks outside the data. */
export function houseAxis(extra: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    gridcolor: ink.grid,
    zeroline: false,
    linecolor: ink.line,
    tickcolor: ink.line,
    tickfont: { size: 11, color: ink.muted },
    ...extra,
  };
}

/**
 * Panels as one Plotly figure, left to right and top to bottom. Heights are in pixels, so that a figure with one row
 * and one with five have panels of the same size.
 *
 * @example
 * ```ts
 * smallMultiples([{ title: "Loss", subtitle: "lower is better", traces: [{ y: [3, 2, 1] }] }], { title: "A run" });
 * ```
 */
export function smallMultiples(panels: Panel[], options: SmallMultiplesOptions): Figure {
  const columns = Math.max(1, Math.min(options.columns ?? 3, panels.length));
  const rows = Math.max(1, Math.ceil(panels.length / columns));
  const panelHeight = options.panelHeight ?? 170;
  const titleTop = 22, top = 92 + 18 * (lineCount(options.subtitle) - 1);
  // A row's headings are as high as its longest subtitle; `tops` says where each row's plotting areas begin.
  const tops: number[] = [];
  let inner = 0;
  for (let row = 0; row < rows; row++) {
    const own = panels.slice(row * columns, (row + 1) * columns);
    inner += heading + 15 * (Math.max(1, ...own.map(({ subtitle }) => lineCount(subtitle))) - 1);
    tops.push(inner);
    inner += panelHeight + footing;
  }
  const height = top + inner + bottom;
  const data: Record<string, unknown>[] = [], shapes: Record<string, unknown>[] = [];
  const annotations: Record<string, unknown>[] = [];
  const layout: Record<string, unknown> = {
    ...houseLayout(options),
    height,
    ...(options.width ? { width: options.width } : {}),
    margin: { l: side, r: right, t: top, b: bottom },
    showlegend: false,
    bargap: 0.28,
    bargroupgap: 0.06,
  };
  Object.assign(layout.title as Record<string, unknown>, { y: 1 - titleTop / height, yanchor: "top" });
  panels.forEach((panel, i) => {
    const id = i ? String(i + 1) : "", column = i % columns, row = Math.floor(i / columns);
    const width = (1 - (columns - 1) * gutter) / columns, left = column * (width + gutter);
    const y1 = 1 - tops[row] / inner, y0 = y1 - panelHeight / inner;
    layout[`xaxis${id}`] = houseAxis({
      domain: [left, left + width],
      anchor: `y${id}`,
      showgrid: false,
      showline: true,
      ticks: "outside",
      ticklen: 4,
      nticks: 6,
      ...panel.x,
    });
    layout[`yaxis${id}`] = houseAxis({ domain: [y0, y1], anchor: `x${id}`, nticks: 5, ...panel.y });
    for (const trace of panel.traces) data.push({ ...trace, xaxis: `x${id}`, yaxis: `y${id}` });
    for (const shape of panel.shapes ?? []) {
      shapes.push({
        layer: "below",
        ...shape,
        xref: `x${id}`,
        yref: shape.yref === "paper" ? `y${id} domain` : `y${id}`,
      });
    }
    for (const note of panel.annotations ?? []) {
      annotations.push({
        showarrow: false,
        ...note,
        xref: `x${id}`,
        yref: note.yref === "paper" ? `y${id} domain` : `y${id}`,
      });
    }
    const label = (text: string, shift: number, font: Record<string, unknown>) =>
      annotations.push({
        text,
        font,
        showarrow: false,
        xref: "paper",
        yref: "paper",
        x: left,
        y: y1,
        xanchor: "left",
        yanchor: "bottom",
        xshift: -32,
        yshift: shift,
        align: "left",
      });
    label(`<b>${panel.title}</b>`, 25 + 15 * (lineCount(panel.subtitle) - 1), { size: 14, color: ink.text });
    label(panel.subtitle, 8, { size: 11.5, color: ink.muted });
  });
  return new Figure(data, { ...layout, shapes, annotations });
}

/** Coloured names for a subtitle that serves as legend, a new line where they would grow wider than a panel. */
export function legendLines(entries: { name: string; colour: string }[]): string {
  const lines: string[][] = [[]];
  let length = 0;
  for (const { name, colour } of entries) {
    if (length && length + name.length > 46) {
      lines.push([]);
      length = 0;
    }
    length += name.length + 3;
    lines.at(-1)!.push(`<span style="color:${colour}">${escapeHtml(name)}</span>`);
  }
  return lines.map((line) => line.join(" · ")).join("<br>");
}

/** A band over the whole height of a panel, from one place of its x axis to another. */
export function shade(from: number, to: number, colour: string): Record<string, unknown> {
  return {
    type: "rect",
    x0: from,
    x1: to,
    y0: 0,
    y1: 1,
    yref: "paper",
    fillcolor: colour,
    line: { width: 0 },
  };
}
