import assert from "node:assert/strict";
import { Figure } from "../../lib/report/figure.ts";
import { accuracyFigure } from "../../lib/report/evaluation_figures.ts";
import { renderPng } from "../../lib/report/static_render.ts";
import { inventedEvaluation } from "./invented.ts";

const named = (title: string) =>
  new Figure([{ y: [1, 2] }], { title: { text: title }, width: 400, height: 200 });
async function drawn(title: string) {
  const warnings: string[] = [], svg = await named(title).svg();
  const { pixels } = await renderPng(svg, { zoom: 1, warn: (message) => void warnings.push(message) });
  return { pixels, warnings };
}

Deno.test("a PNG draws what Open Sans has without a word, and names in other scripts never as nothing", async () => {
  const blank = await drawn(" "), plain = await drawn("Loss: ε, β and −1");
  assert.deepEqual(plain.warnings, []);
  // from a private range that no font fills
  const unknown = await drawn("\u{10fff0}\u{10fff1}");
  assert.notDeepEqual(unknown.pixels, blank.pixels);
  assert.equal(unknown.warnings.length, 1);
  assert.match(
    unknown.warnings[0],
    /no font of this machine has .*, drawn as �.*fonts-noto-cjk.*SVG or HTML/,
  );
  for (const name of ["基线", "训练后 👍", "अ", "→"]) {
    assert.notDeepEqual((await drawn(name)).pixels, blank.pixels, name);
  }
});

Deno.test("accuracyFigure() of stages named in Chinese has their names in the SVG and in the PNG", async () => {
  const of = (a: string, b: string) =>
    accuracyFigure({
      [a]: inventedEvaluation("base", 0.2, 0.1, 40),
      [b]: inventedEvaluation("sft", 0.5, 0.98, 40),
    });
  const svg = await of("基线", "训练后 👍").svg();
  assert.ok(svg.includes("基线") && svg.includes("训练后 👍"));
  const warn = () => {};
  const blank = await renderPng(await of("\u2003", "\u2003\u2003").svg(), { zoom: 1, warn });
  assert.notDeepEqual((await renderPng(svg, { zoom: 1, warn })).pixels, blank.pixels);
});
