import type { Resvg } from "@resvg/resvg-js";
import type { Ttf } from "./ttf.ts";

/** What drawing an SVG document with the fonts at hand takes. */
export interface DrawableText {
  /** The document, with `�` where no font has the character. */
  svg: string;
  /** Whether Open Sans alone is not enough. */
  systemFonts: boolean;
  /** What no font of this machine draws. */
  missing: string[];
}

/** What {@linkcode drawableText} is told. */
export interface DrawableTextOptions {
  /** The font that draws everything else. */
  font: Ttf;
  /** Draws a document with that font and those of the system. */
  render: (svg: string) => ReturnType<Resvg["render"]>;
}

const cell = 32, perRow = 40;
const graphemes = new Intl.Segmenter();

/**
 * Finds the characters of an SVG document that Open Sans lacks (Chinese, emoji, arrows), and those of them that no font of the
 * machine has: a rasteriser leaves such a one out without a word, and with it somebody's name.
 */
export function drawableText(svg: string, { font, render }: DrawableTextOptions): DrawableText {
  const foreign = new Set<string>();
  for (const [run] of svg.matchAll(/[^\0-\x7f]+/g)) {
    for (const { segment } of graphemes.segment(run)) {
      if (!/^[\p{M}\p{Cf}\p{Z}]*$/u.test(segment) && ![...segment].every((c) => font.has(c))) {
        foreign.add(segment);
      }
    }
  }
  if (!foreign.size) return { svg, systemFonts: false, missing: [] };
  const all = [...foreign], rows = Math.ceil(all.length / perRow);
  const { pixels, width } = render(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${cell * perRow}" height="${cell * rows}">${
      all.map((character, i) =>
        `<text x="${(i % perRow) * cell + 4}" y="${
          Math.floor(i / perRow) * cell + 22
        }" font-family="Open Sans" font-size="16">${character}</text>`
      ).join("")
    }</svg>`,
  );
  const drawn = (i: number) => {
    const left = (i % perRow) * cell, top = Math.floor(i / perRow) * cell;
    for (let y = top; y < top + cell; y++) {
      for (let x = left; x < left + cell; x++) if (pixels[(y * width + x) * 4 + 3]) return true;
    }
    return false;
  };
  const missing = all.filter((_, i) => !drawn(i));
  // the longest first: a family is one picture, though its members are too
  const longest = missing.toSorted((a, b) => b.length - a.length);
  return {
    svg: longest.reduce((text, character) => text.replaceAll(character, "\ufffd"), svg),
    systemFonts: true,
    missing,
  };
}
