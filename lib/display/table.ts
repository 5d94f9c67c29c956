import { escapeHtml } from "./escape_html.ts";
import { fontFamily, ink } from "./palette.ts";
import { padText, textWidth } from "./text_width.ts";
import { visible, visibleLine } from "./visible.ts";

/** A cell: text, or text with what it means (`better` and `worse` are certain, `unclear` is not). */
export type Cell = string | { text: string; mark: "better" | "worse" | "unclear" };

/** A small table: the first column holds names, the others numbers. */
export interface Table {
  /** Above the table. */
  title?: string;
  /** The head of each column. */
  columns: string[];
  /** A row of one cell is a heading over the rows that follow. */
  rows: Cell[][];
  /** In HTML, names too long for a line are broken; without it every column keeps its width. @default false */
  wrapNames?: boolean;
  /** The columns hold words, the last of them sentences: all are to the left, and the last is broken into lines. @default false */
  prose?: boolean;
  /** Sentences below the table. */
  notes?: string[];
}

const text = (cell: Cell) => visibleLine(typeof cell === "string" ? cell : cell.text);

/** Characters of a line of prose in a terminal. */
const proseWidth = 72;

/** Words in lines of a width; a longer word has a line of its own. */
function broken(words: string, width: number): string[] {
  return words.split(" ").reduce<string[]>((lines, word) => {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(`${last} ${word}`) <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
    return lines;
  }, []);
}

/**
 * A table for a terminal: columns padded, the first to the left and the others to the right.
 *
 * @example
 * ```ts
 * textTable({ columns: ["", "base"], rows: [["accuracy", "12 %"]] });
 * ```
 */
export function textTable({ title, columns, rows, prose = false, notes = [] }: Table): string {
  columns = columns.map(visibleLine);
  if (prose) {
    const last = columns.length - 1;
    rows = rows.flatMap((row) =>
      row.length > 1
        ? broken(text(row[last]), proseWidth).map((words, i) => [
          ...i ? row.slice(0, last).map(() => "") : row.slice(0, last),
          words,
        ])
        : [row]
    );
  }
  const full = rows.filter((row) => row.length > 1);
  const widths = columns.map((column, i) =>
    Math.max(textWidth(column), ...full.map((row) => textWidth(text(row[i] ?? ""))))
  );
  const line = (cells: Cell[]) =>
    cells.map((cell, i) => padText(text(cell), widths[i], { right: i > 0 && !prose })).join("   ").trimEnd();
  return [
    ...(title ? [visible(title)] : []),
    line(columns),
    widths.map((width) => "─".repeat(width)).join("───"),
    ...rows.map((row) => row.length > 1 ? line(row) : text(row[0])),
    ...notes.map(visible),
  ].join("\n");
}

const markColours = { better: "#0b7a5c", worse: "#b8264f", unclear: ink.muted };

/** The same table as HTML with inline styles, every cell escaped. */
export function htmlTable(
  { title, columns, rows, wrapNames = false, prose = false, notes = [] }: Table,
): string {
  const cell = (value: Cell, i: number, tag: "td" | "th") => {
    const mark = typeof value === "string" ? "" : `color:${markColours[value.mark]};`;
    const sentences = prose && i === columns.length - 1;
    const breaks = sentences
      ? "normal;min-width:280px;max-width:640px"
      : wrapNames && !i
      ? "normal;overflow-wrap:anywhere;min-width:180px"
      : "nowrap";
    const style =
      `${mark || `color:${ink.text};`}background:${ink.paper};text-align:${
        i && !prose ? "right" : "left"
      };padding:4px 12px 4px ${i ? 12 : 0}px;white-space:${breaks};` +
      `border-bottom:1px solid ${ink.grid};font-weight:${tag === "th" ? 600 : 400};vertical-align:top`;
    return `<${tag} style="${style}">${escapeHtml(text(value))}</${tag}>`;
  };
  const row = (cells: Cell[]) =>
    cells.length > 1
      ? `<tr style="background:${ink.paper}">${cells.map((value, i) => cell(value, i, "td")).join("")}</tr>`
      : `<tr style="background:${ink.paper}"><td colspan="${columns.length}" style="background:${ink.paper};text-align:left;padding:12px 0 3px;font-weight:600;color:${ink.muted};border-bottom:1px solid ${ink.line}">${
        escapeHtml(text(cells[0]))
      }</td></tr>`;
  return `<div style="font:13px/1.4 ${fontFamily};color:${ink.text};background:${ink.paper};padding:6px 10px;overflow-x:auto">` +
    (title
      ? `<div style="font-size:15px;font-weight:700;margin-bottom:6px">${escapeHtml(title)}</div>`
      : "") +
    `<table style="border-collapse:collapse;font:inherit;color:inherit;font-variant-numeric:tabular-nums;margin:0"><thead><tr style="background:${ink.paper}">${
      columns.map((column, i) => cell(column, i, "th")).join("")
    }</tr></thead><tbody>${rows.map(row).join("")}</tbody></table>` +
    notes.map((note) =>
      `<div style="color:${ink.muted};margin-top:6px;max-width:900px">${escapeHtml(note)}</div>`
    ).join("") +
    `</div>`;
}
