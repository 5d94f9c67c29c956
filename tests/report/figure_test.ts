import assert from "node:assert/strict";
import { join } from "node:path";
import { Figure } from "../../lib/report/figure.ts";
import { renderPng } from "../../lib/report/static_render.ts";
import { mediaBundle } from "../display/media_bundle.ts";
import { OutputError } from "../../lib/report/write_output.ts";

const line = () =>
  new Figure([{ y: [3, 2, 1], name: "loss" }], { title: { text: "<b>Loss</b>" }, width: 400, height: 300 });
const inked = (pixels: Uint8Array) => {
  let count = 0;
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i] < 250 || pixels[i + 1] < 250 || pixels[i + 2] < 250) count++;
  }
  return count;
};

Deno.test("Figure.save() writes each format that its extension names", async () => {
  const dir = await Deno.makeTempDir(), figure = line();
  for (const extension of ["png", "svg", "html", "json"]) {
    await figure.save(join(dir, `plots/loss.${extension}`));
  }
  const png = await Deno.readFile(join(dir, "plots/loss.png")), view = new DataView(png.buffer);
  assert.deepEqual([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  assert.deepEqual([view.getUint32(16), view.getUint32(20)], [800, 600]);
  assert.match(await Deno.readTextFile(join(dir, "plots/loss.svg")), /^<svg[\s\S]*Loss[\s\S]*<\/svg>$/);
  const html = await Deno.readTextFile(join(dir, "plots/loss.html"));
  assert.match(html, /<svg[\s\S]*Plotly\.newPlot/);
  assert.doesNotMatch(html, /<script[^>]+src=|<link/);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(join(dir, "plots/loss.json"))).data[0].y, [3, 2, 1]);
  const left = [...Deno.readDirSync(join(dir, "plots"))].map((entry) => entry.name).sort();
  assert.deepEqual(left, ["loss.html", "loss.json", "loss.png", "loss.svg"]);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("Figure.png() draws the data: more ink with a trace than without", async () => {
  const { pixels, width, height } = await line().png({ zoom: 1 });
  assert.deepEqual([width, height, pixels.length], [400, 300, 480_000]);
  const bare = await new Figure([], line().layout).png({ zoom: 1 });
  assert.ok(inked(pixels) > inked(bare.pixels) + 300, `${inked(pixels)} against ${inked(bare.pixels)}`);
});

Deno.test("Figure leaves nothing of its private window among the globals", async () => {
  const before = Object.getOwnPropertyNames(globalThis).sort();
  await line().svg();
  assert.deepEqual(Object.getOwnPropertyNames(globalThis).sort(), before);
});

Deno.test("Figure.save() refuses another extension and keeps an earlier file when it cannot write", async () => {
  const dir = await Deno.makeTempDir(), file = join(dir, "taken");
  await assert.rejects(line().save("figure.pdf"), {
    name: "RangeError",
    message: /png, svg, html, json.*figure\.pdf/,
  });
  await Deno.writeTextFile(file, "a file");
  await assert.rejects(line().save(join(file, "loss.svg")), (error: Error) => {
    assert.ok(error instanceof OutputError);
    assert.ok(error.message.includes(`'${file}'`) && /must be writable/.test(error.message), error.message);
    return true;
  });
  assert.equal(await Deno.readTextFile(file), "a file");
  await Deno.remove(dir, { recursive: true });
});

Deno.test("Figure displays as Plotly, HTML, PNG and text, with markup in titles kept out of HTML", async () => {
  const figure = new Figure([{ y: [1, NaN, 2] }], {
    title: { text: 'A "title" </script><script>alert(1)</script>' },
  });
  const bundle = await mediaBundle(figure);
  assert.deepEqual(Object.keys(bundle), [
    "application/vnd.plotly.v1+json",
    "text/html",
    "image/png",
    "text/plain",
  ]);
  assert.deepEqual(bundle["application/vnd.plotly.v1+json"].data, [{ y: [1, null, 2] }]);
  assert.equal(Uint8Array.fromBase64(bundle["image/png"])[1], "P".charCodeAt(0));
  assert.ok(bundle["text/html"].includes("data:image/png;base64,iVBOR"));
  assert.equal(bundle["text/html"].split("</script>").length, 2);
});

Deno.test("renderPng() writes text in Open Sans: a word has ink and a wider word has more", async () => {
  const picture = (text: string) =>
    renderPng(
      `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40"><rect width="200" height="40" fill="#fff"/><text x="5" y="25" font-family="Open Sans">${text}</text></svg>`,
      { zoom: 1 },
    );
  const [one, two] = [await picture("reward"), await picture("reward reward")];
  assert.ok(inked(one.pixels) > 50);
  assert.ok(inked(two.pixels) > 1.7 * inked(one.pixels));
});
