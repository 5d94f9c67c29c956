import { escapeHtml, scriptJson } from "../display/escape_html.ts";
import { type MediaBundle, showResult } from "../display/show_result.ts";
import { visibleLine } from "../display/visible.ts";
import {
  defaultSize,
  type FigureData,
  plotlyExtension,
  plotlySource,
  plotlyVersion,
  type Raster,
  renderPng,
  renderSvg,
} from "./static_render.ts";
import { writeOutput } from "./write_output.ts";

/** How {@linkcode Figure.save} renders. */
export interface SaveOptions {
  /** Device pixels a CSS pixel in a PNG. @default 2 */
  zoom?: number;
}

const formats = ["png", "svg", "html", "json"] as const;
const settings = { responsive: true, displaylogo: false, displayModeBar: "hover" };

/**
 * A Plotly figure as plain data that displays itself in a notebook and saves itself without a browser.
 *
 * @example
 * ```ts
 * const figure = new Figure([{ y: [3, 2, 1] }], { title: { text: "Loss" } });
 * await figure.save(`${await Deno.makeTempDir()}/loss.png`); // also .svg, .html and .json
 * ```
 */
export class Figure implements FigureData {
  /** Plotly's traces. */
  readonly data: Record<string, unknown>[];
  /** Plotly's layout; leave `width` unset so that the figure fills the page. */
  readonly layout: Record<string, unknown>;

  /** Plotly's traces and layout. */
  constructor(data: Record<string, unknown>[], layout: Record<string, unknown> = {}) {
    this.data = data;
    this.layout = layout;
  }

  /** The figure's title as plain text. */
  get title(): string {
    const title = this.layout.title as { text?: string } | string | undefined;
    return plainText(typeof title === "string" ? title : title?.text ?? "Figure");
  }

  /** A standalone SVG document, text as text. */
  svg(): Promise<string> {
    return renderSvg(this.toJSON());
  }

  /** A PNG with its size and pixels. */
  async png({ zoom = 2 }: SaveOptions = {}): Promise<Raster> {
    return await renderPng(await this.svg(), { zoom });
  }

  /**
   * A page that opens without a network: the picture first, then Plotly (1.5 MB, inside the page) makes it live.
   * `svg` is what {@linkcode Figure.svg} gave, when it is at hand.
   */
  async html({ svg }: { svg?: string } = {}): Promise<string> {
    const [picture, plotly] = await Promise.all([svg ?? this.svg(), plotlySource()]);
    return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(this.title)}</title>
<style>body{margin:16px;background:#fff}#figure>svg{max-width:100%;height:auto}</style></head>
<body><div id="figure">${picture}</div>
<script>${plotly.replaceAll("</script", "<\\/script")}</script>
<script>const figure = ${scriptJson(this)}, box = document.getElementById("figure");
box.replaceChildren();
Plotly.newPlot(box, figure.data, figure.layout, ${JSON.stringify(settings)});</script>
</body></html>
`;
  }

  /**
   * Writes the figure whole or not at all; the extension of `path` (png, svg, html, json) says how. Throws a
   * `RangeError` for another extension and an `OutputError` when the folder is not writable.
   */
  async save(path: string, options: SaveOptions = {}): Promise<void> {
    const extension = /\.(\w+)$/.exec(path)?.[1]?.toLowerCase() as typeof formats[number] | undefined;
    if (!extension || !formats.includes(extension)) {
      throw new RangeError(
        `Saving a figure: the extension must be one of ${formats.join(", ")}, but the path is '${path}'`,
      );
    }
    const content = {
      png: async () => (await this.png(options)).png,
      svg: () => this.svg(),
      html: () => this.html(),
      json: () => JSON.stringify(this, null, 1) + "\n",
    }[extension];
    await writeOutput(path, await content());
  }

  /** `{ data, layout }` as Plotly reads it; numbers that are not finite become `null`, which Plotly leaves out. */
  toJSON(): FigureData {
    return JSON.parse(JSON.stringify({ data: this.data, layout: this.layout }));
  }

  /**
   * What a notebook shows: Plotly's own type where it is understood; HTML with the picture inside, which a script
   * replaces by the live figure when Plotly can be had (an untrusted notebook keeps the picture); PNG; and text.
   */
  async [Symbol.for("Jupyter.display")](): Promise<MediaBundle> {
    const { data, metadata } = await this.#display();
    return await showResult(data, metadata);
  }

  /**
   * Shows the figure now, anywhere in a cell. (What a cell ends with is shown without being asked.) Throws outside a kernel.
   */
  async show(): Promise<void> {
    await Deno.jupyter.broadcast("display_data", { ...await this.#display(), transient: {} });
  }

  async #display() {
    const zoom = 1.5, { png, width, height } = await this.png({ zoom });
    const picture = png.toBase64();
    const data: MediaBundle = {
      "application/vnd.plotly.v1+json": { ...this.toJSON(), config: settings },
      "text/html": displayHtml(this, picture, width / zoom),
      "image/png": picture,
      "text/plain": String(this),
    };
    return { data, metadata: { "image/png": { width: width / zoom, height: height / zoom } } };
  }

  /** How a terminal shows it. */
  [Symbol.for("Deno.customInspect")](): string {
    return String(this);
  }

  /** How a terminal shows it. */
  toString(): string {
    const names = [...new Set(this.data.map((trace) => trace.name).filter(Boolean))];
    return visibleLine(
      `Figure "${this.title}": ${this.data.length} traces${names.length ? ` (${names.join(", ")})` : ""}; ` +
        `save("figure.png") writes png, svg, html or json`,
    );
  }
}

function plainText(html: string): string {
  return html.replace(/<br\s*\/?>/g, " ").replace(/<[^>]+>/g, "");
}

function displayHtml(figure: Figure, picture: string, width: number): string {
  const id = `figure-${crypto.randomUUID()}`;
  const height = Number(figure.layout.height ?? defaultSize.height);
  const bundle =
    `https://cdn.jsdelivr.net/npm/plotly.js-cartesian-dist-min@${plotlyVersion}/plotly-cartesian.min.js`;
  // Not a <script src>: pages with RequireJS would hand the bundle to define() and leave no global.
  return `<div id="${id}" style="min-height:${Math.min(height, 100)}px"><img alt="${
    escapeHtml(figure.title)
  }" ` +
    `style="max-width:100%;width:${width}px" src="data:image/png;base64,${picture}"></div>
<script>(async () => {
  const box = document.getElementById("${id}"), figure = ${scriptJson(figure)};
  if (!box) return;
  const lab = JSON.parse(document.getElementById("jupyter-config-data")?.textContent ?? "{}").fullLabextensionsUrl;
  const text = (url) => fetch(url).then((reply) => reply.ok ? reply.text() : Promise.reject(reply.status));
  globalThis.showworkPlotly ??= globalThis.Plotly
    ? Promise.resolve(globalThis.Plotly)
    : (lab ? text(lab + "/${plotlyExtension}") : Promise.reject()).catch(() => text("${bundle}"))
    .then((source) => { new Function("module", "exports", "define", source)(); return globalThis.Plotly; });
  const Plotly = await globalThis.showworkPlotly;
  const live = document.createElement("div");
  box.append(live);
  await Plotly.newPlot(live, figure.data, figure.layout, ${JSON.stringify(settings)});
  box.firstElementChild.remove();
})().catch(() => {});</script>`;
}
