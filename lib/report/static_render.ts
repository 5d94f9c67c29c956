// so that both packages are there to be required where nothing was installed beforehand
import "@expo-google-fonts/open-sans/package.json" with { type: "json" };
import plotlyPackage from "plotly.js-cartesian-dist-min/package.json" with { type: "json" };
import { packageRequire } from "../backend/package_files.ts";
import { visible } from "../display/visible.ts";
import { drawableText } from "./drawable_text.ts";
import { Ttf } from "./ttf.ts";

/**
 * Figures as SVG and PNG with no browser. Plotly runs on a document of `linkedom`, in a window of its own: nothing
 * reaches the globals of the kernel. A document without layout cannot measure, and Plotly places labels by measuring,
 * so `getBBox` and `getBoundingClientRect` are answered here from the widths of Open Sans. Everything loads on the
 * first call (about 0.7 s; later calls about 0.3 s), so importing this file costs nothing.
 */

/** The part of a Plotly figure that rendering reads. */
export interface FigureData {
  /** Plotly's traces. */
  data: Record<string, unknown>[];
  /** Plotly's layout. */
  layout: Record<string, unknown>;
}

/** What of linkedom's elements is used here. */
interface Node {
  nodeType: number;
  data: string;
  localName: string;
  namespaceURI?: string;
  parentNode: Node | null;
  childNodes: Node[];
  children: Node[];
  getAttribute?(name: string): string | null;
  remove(): void;
}
/** x0, y0, x1, y1. */
type Box = [number, number, number, number];
interface PrivateWindow {
  document: { body: { appendChild(node: unknown): Node }; createElement(name: string): unknown };
  Plotly: {
    newPlot(root: Node, data: unknown, layout: unknown, config: unknown): Promise<void>;
    Snapshot: { toSVG(root: Node, format: string, scale: number): string };
    purge(root: Node): void;
  };
}

const asset = (specifier: string): string => packageRequire.resolve(specifier);
const fontFiles = () =>
  ["400Regular/OpenSans_400Regular", "700Bold/OpenSans_700Bold"].map((name) =>
    asset(`@expo-google-fonts/open-sans/${name}.ttf`)
  );

let fonts: Ttf[] = [];
let loading: Promise<PrivateWindow> | undefined;

/** The minified Plotly bundle that figures are rendered with, as JavaScript text. */
export const plotlySource = (): Promise<string> => Deno.readTextFile(asset("plotly.js-cartesian-dist-min"));

/** The version of Plotly that the import map pins; pages that load it from a network name this one. */
export const plotlyVersion: string = plotlyPackage.version;

/** Plotly's place below JupyterLab's extensions, where `deno task lab` puts it. */
export const plotlyExtension: string = `showwork/plotly-cartesian-${plotlyPackage.version}.min.js`;

/** An inline style or an attribute; what SVG inherits (`font-*`, `text-*`, `fill`, `stroke`) is looked up the tree. */
function css(element: Node, property: string): string | undefined {
  const declared = new RegExp(`(?:^|;)\\s*${property}\\s*:\\s*([^;]+)`);
  for (let node: Node | null = element; node?.getAttribute; node = node.parentNode) {
    const value = (node.getAttribute("style") ?? "").match(declared)?.[1] ?? node.getAttribute(property);
    if (value || !/^(font|text|fill|stroke)/.test(property)) return value?.trim();
  }
}

/** The advance width of every text below `element`, in pixels. */
function textWidth(element: Node, parentSize: number): number {
  const declared = css(element, "font-size") ?? "12";
  const size = declared.endsWith("%") ? parentSize * parseFloat(declared) / 100 : parseFloat(declared);
  const font = fonts[/bold|[6-9]00/.test(css(element, "font-weight") ?? "") ? 1 : 0];
  let width = 0;
  for (const child of element.childNodes) {
    if (child.nodeType === 3) width += font.width(child.data) * size;
    else if (child.nodeType === 1) width += textWidth(child, size);
  }
  return width;
}

function union(a: Box | null, b: Box | null): Box | null {
  if (!a || !b) return a ?? b;
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}

/** `box` through the element's own `translate()` and `rotate()`: the two transforms that Plotly writes round text. */
function transformed(element: Node, box: Box | null): Box | null {
  const steps = [...(element.getAttribute!("transform") ?? "").matchAll(/(\w+)\(([^)]*)\)/g)].reverse();
  for (const [, name, list] of steps) {
    if (!box) return null;
    const [a = 0, b = 0, c = 0] = list.split(/[\s,]+/).map(Number);
    const [x0, y0, x1, y1]: Box = box;
    if (name === "translate") box = [x0 + a, y0 + b, x1 + a, y1 + b];
    if (name === "rotate") {
      const cos = Math.cos(a * Math.PI / 180), sin = Math.sin(a * Math.PI / 180);
      const corners = [[x0, y0], [x1, y0], [x0, y1], [x1, y1]].map(([px, py]): Box => {
        const x = b + cos * (px - b) - sin * (py - c), y = c + sin * (px - b) + cos * (py - c);
        return [x, y, x, y];
      });
      box = corners.reduce<Box | null>(union, null);
    }
  }
  return box;
}

/** The extent of `element` in its own coordinates. */
function extent(element: Node): Box | null {
  const number = (name: string) => parseFloat(element.getAttribute!(name) ?? "") || 0;
  if (element.localName === "rect") {
    return [number("x"), number("y"), number("x") + number("width"), number("y") + number("height")];
  }
  if (/defs|clipPath/i.test(element.localName)) return null;
  if (element.localName !== "text") {
    return element.children.map((child) => transformed(child, extent(child))).reduce(union, null);
  }
  const size = parseFloat(css(element, "font-size") ?? "12");
  const lines = element.children.filter((child) => child.getAttribute!("class") === "line");
  const width = Math.max(...(lines.length ? lines : [element]).map((line) => textWidth(line, size)));
  if (!width) return null;
  const anchor = css(element, "text-anchor");
  const left = number("x") - (anchor === "middle" ? width / 2 : anchor === "end" ? width : 0);
  const baseline = number("y") + number("dy") * size;
  const bottom = baseline + Math.round(fonts[0].descent * size) + Math.max(0, lines.length - 1) * 1.3 * size;
  return [left, baseline - Math.round(fonts[0].ascent * size), left + width, bottom];
}

function rectangle(element: Node, onScreen: boolean) {
  const outer = element.localName === "svg" || !/svg/.test(element.namespaceURI ?? "");
  let box: Box | null = outer
    ? [0, 0, parseFloat(css(element, "width") ?? "0") || 0, parseFloat(css(element, "height") ?? "0") || 0]
    : extent(element);
  for (let node: Node | null = element; onScreen && node?.getAttribute && node.localName !== "svg";) {
    box = transformed(node, box);
    node = node.parentNode;
  }
  const [x, y, right, bottom] = box ?? [0, 0, 0, 0];
  return { x, y, left: x, top: y, right, bottom, width: right - x, height: bottom - y };
}

async function openWindow(): Promise<PrivateWindow> {
  const [{ parseHTML }, source, ...fontBytes] = await Promise.all([
    import("linkedom"),
    plotlySource(),
    ...fontFiles().map((path) => Deno.readFile(path)),
  ]);
  fonts = fontBytes.map((bytes) => new Ttf(bytes));
  const dom = parseHTML("<!DOCTYPE html><html><head></head><body></body></html>").window as unknown as Record<
    string,
    // deno-lint-ignore no-explicit-any -- linkedom's window is untyped
    any
  >;
  const element = dom.Element.prototype;
  const method = (name: string, value: unknown) =>
    Object.defineProperty(element, name, { value, configurable: true, writable: true });
  method("getBoundingClientRect", function (this: Node) {
    return rectangle(this, true);
  });
  method("getBBox", function (this: Node) {
    return rectangle(this, false);
  });
  // linkedom upper-cases the names of SVG elements; Plotly and the serialised file need them as written.
  for (const key of ["nodeName", "tagName"]) {
    const original = Object.getOwnPropertyDescriptor(element, key)!;
    Object.defineProperty(element, key, {
      ...original,
      get(this: Node) {
        return /svg/.test(this.namespaceURI ?? "") ? this.localName : original.get!.call(this);
      },
    });
  }
  const window: Record<string, unknown> = {
    document: dom.document,
    navigator: { userAgent: "deno" },
    addEventListener() {},
    removeEventListener() {},
    setTimeout,
    clearTimeout,
    URL,
    performance,
    getComputedStyle: (node: Node) =>
      new Proxy({}, {
        get: (_, key) =>
          key === "getPropertyValue" ? (name: string) => css(node, name) ?? "" : css(node, String(key)) ?? "",
      }),
    XMLSerializer: class {
      // An empty declaration such as `fill:;` is legal for Plotly and an error for resvg.
      serializeToString(node: Node): string {
        return String(node).replace(/(style="|;)\s*[\w-]+:\s*(?=[;"])/g, "$1");
      }
    },
  };
  for (const key of ["Element", "HTMLElement", "SVGElement", "Node", "DOMParser"]) window[key] = dom[key];
  window.window = window.self = window;
  Object.defineProperty(dom.document, "defaultView", { get: () => window, configurable: true });
  const scope: Record<string, unknown> = {
    ...window,
    requestAnimationFrame: (callback: () => void) => setTimeout(callback, 0),
    module: undefined,
    define: undefined,
  };
  new Function(...Object.keys(scope), source)(...Object.values(scope));
  return window as unknown as PrivateWindow;
}

/** The size of a figure on a page that does not give it one, in CSS pixels. */
export const defaultSize = { width: 1200, height: 500 } as const;

/**
 * Renders a figure as a standalone SVG document. A `layout.width` left out (as it should be on screen, where the
 * figure fills its cell) is {@linkcode defaultSize}.
 *
 * @example
 * ```ts
 * const svg = await renderSvg({ data: [{ y: [3, 2, 1] }], layout: { title: { text: "Loss" } } });
 * ```
 */
export async function renderSvg(figure: FigureData): Promise<string> {
  const window = await (loading ??= openWindow());
  const root = window.document.body.appendChild(window.document.createElement("div"));
  const { data, layout } = structuredClone({ data: figure.data, layout: figure.layout });
  try {
    await window.Plotly.newPlot(root, data, { ...defaultSize, ...layout }, { staticPlot: true });
    return visible(window.Plotly.Snapshot.toSVG(root, "svg", 1));
  } finally {
    window.Plotly.purge(root);
    root.remove();
  }
}

/** A raster of an SVG document: the PNG file, its size, and its pixels as RGBA bytes. */
export interface Raster {
  /** The file. */
  png: Uint8Array<ArrayBuffer>;
  /** In pixels. */
  width: number;
  /** In pixels. */
  height: number;
  /** RGBA, row by row. */
  pixels: Uint8Array;
}

/** How {@linkcode renderPng} rasterises. */
export interface RenderPngOptions {
  /** Device pixels a CSS pixel. @default 2 */
  zoom?: number;
  /** Told of characters that no font of this machine has. @default console.warn */
  warn?: (message: string) => void;
}

/**
 * Renders an SVG document with Open Sans, so that it looks the same everywhere; what Open Sans lacks, such as Chinese and emoji, with
 * the system's fonts; and what they lack as `�`, with a warning.
 */
export async function renderPng(
  svg: string,
  { zoom = 2, warn = console.warn }: RenderPngOptions = {},
): Promise<Raster> {
  const { Resvg } = await import("@resvg/resvg-js"), files = fontFiles();
  const raster = (document: string, value: number, loadSystemFonts: boolean) =>
    new Resvg(document, {
      fitTo: { mode: "zoom", value },
      font: { loadSystemFonts, fontFiles: files, defaultFontFamily: "Open Sans" },
    }).render();
  const font = fonts[0] ?? new Ttf(await Deno.readFile(files[0]));
  const text = drawableText(svg, { font, render: (document) => raster(document, 1, true) });
  if (text.missing.length) {
    warn(
      `Drawing a PNG: no font of this machine has ${text.missing.slice(0, 20).join(" ")}, drawn as �. ` +
        "Install one (Debian, Ubuntu: apt-get install fonts-noto-cjk, and fonts-symbola for emoji), or save as SVG or HTML.",
    );
  }
  const image = raster(text.svg, zoom, text.systemFonts);
  return {
    png: new Uint8Array(image.asPng()),
    width: image.width,
    height: image.height,
    pixels: image.pixels,
  };
}
