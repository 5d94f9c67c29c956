/**
 * The little of a TrueType font that measuring text takes: the ascent, the descent and the advance widths, read from
 * the tables `head`, `hhea`, `hmtx` and `cmap` (formats 4 and 12). Kerning is left out, as browsers leave it out of
 * the estimate that places a label.
 *
 * @example
 * ```ts
 * const fonts = new URL("../../node_modules/@expo-google-fonts/open-sans/400Regular/", import.meta.url);
 * const font = new Ttf(await Deno.readFile(new URL("OpenSans_400Regular.ttf", fonts)));
 * font.width("loss") * 12; // pixels at 12 px
 * ```
 */
export class Ttf {
  /** Height above the baseline, in em. */
  readonly ascent: number;
  /** Depth below the baseline, in em, as a positive number. */
  readonly descent: number;
  readonly #view: DataView;
  readonly #unitsPerEm: number;
  readonly #metrics: number;
  readonly #metricCount: number;
  readonly #glyph: (codePoint: number) => number;

  /** Reads `bytes`, a whole `.ttf` file. Throws a `TypeError` when a needed table is missing. */
  constructor(bytes: Uint8Array) {
    const view = this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const tables: Record<string, number> = {};
    for (let i = 0; i < view.getUint16(4); i++) {
      const entry = 12 + i * 16;
      tables[String.fromCharCode(...bytes.subarray(entry, entry + 4))] = view.getUint32(entry + 8);
    }
    for (const name of ["head", "hhea", "hmtx", "cmap"]) {
      if (tables[name] === undefined) {
        throw new TypeError(
          `Reading a font: it must have the table '${name}', but it has only ${Object.keys(tables)}`,
        );
      }
    }
    this.#unitsPerEm = view.getUint16(tables.head + 18);
    this.ascent = view.getInt16(tables.hhea + 4) / this.#unitsPerEm;
    this.descent = -view.getInt16(tables.hhea + 6) / this.#unitsPerEm;
    this.#metricCount = view.getUint16(tables.hhea + 34);
    this.#metrics = tables.hmtx;
    this.#glyph = glyphLookup(view, tables.cmap);
  }

  /** Whether the font draws `character`. */
  has(character: string): boolean {
    return this.#glyph(character.codePointAt(0)!) !== 0;
  }

  /** The advance width of `text` on one line, in em; a character that the font lacks is as wide as most other fonts draw it. */
  width(text: string): number {
    let units = 0;
    for (const character of text) {
      const found = this.#glyph(character.codePointAt(0)!), glyph = Math.min(found, this.#metricCount - 1);
      if (found === 0) units += /[\p{M}\p{Cf}]/u.test(character) ? 0 : this.#unitsPerEm;
      else units += this.#view.getUint16(this.#metrics + glyph * 4);
    }
    return units / this.#unitsPerEm;
  }
}

function glyphLookup(view: DataView, cmap: number): (codePoint: number) => number {
  let segmented = 0, grouped = 0;
  for (let i = 0; i < view.getUint16(cmap + 2); i++) {
    const table = cmap + view.getUint32(cmap + 4 + i * 8 + 4), format = view.getUint16(table);
    if (format === 4) segmented = table;
    else if (format === 12) grouped = table;
  }
  return grouped ? groupedLookup(view, grouped) : segmentedLookup(view, segmented);
}

function groupedLookup(view: DataView, table: number): (codePoint: number) => number {
  const count = view.getUint32(table + 12);
  return (codePoint) => {
    for (let i = 0, group = table + 16; i < count; i++, group += 12) {
      if (codePoint > view.getUint32(group + 4)) continue;
      const start = view.getUint32(group);
      return codePoint >= start ? view.getUint32(group + 8) + codePoint - start : 0;
    }
    return 0;
  };
}

function segmentedLookup(view: DataView, table: number): (codePoint: number) => number {
  const size = view.getUint16(table + 6); // twice the number of segments
  return (codePoint) => {
    for (let i = 0; i < size; i += 2) {
      if (codePoint > view.getUint16(table + 14 + i)) continue;
      const start = view.getUint16(table + 16 + size + i);
      if (codePoint < start) return 0;
      const delta = view.getInt16(table + 16 + 2 * size + i);
      const rangeAt = table + 16 + 3 * size + i, range = view.getUint16(rangeAt);
      if (!range) return (codePoint + delta) & 0xffff;
      const glyph = view.getUint16(rangeAt + range + (codePoint - start) * 2);
      return glyph ? (glyph + delta) & 0xffff : 0;
    }
    return 0;
  };
}
