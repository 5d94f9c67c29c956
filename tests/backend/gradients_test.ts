import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { packageRequire } from "../../lib/backend/package_files.ts";

const core = packageRequire.resolve("@tensorflow/tfjs-core/package.json").replace(/package\.json$/, "");

Deno.test("gradients.js registers every gradient of the tfjs-core that is installed", async () => {
  const source = await Deno.readTextFile(`${core}dist/register_all_gradients.js`);
  const files = [...source.matchAll(/from '\.\/gradients\/([\w]+)'/g)].map(([, name]) => name);
  assert.ok(files.length > 60);
  for (const file of files) {
    const text = await Deno.readTextFile(`${core}dist/gradients/${file}.js`);
    const kernel = /kernelName: (\w+)/.exec(text)![1];
    assert.ok(tf.getGradient(kernel), `${file}: ${kernel} has no gradient`);
  }
  const { version } = JSON.parse(await Deno.readTextFile(`${core}package.json`));
  const notice = (await Deno.readTextFile(new URL("../../lib/backend/gradients.js", import.meta.url))).slice(
    0,
    80,
  );
  assert.ok(notice.includes(`tfjs-core ${version},`), "deno task gradients was not run for this version");
});

Deno.test("gradients.js and tfjs-core share one engine: a gradient through several operations is right", () => {
  const gradient = tf.tidy(() =>
    Array.from(tf.grad((x) => tf.sum(tf.mul(tf.exp(x), tf.square(x))))(tf.tensor1d([0, 1, -2])).dataSync())
  );
  // d/dx eˣx² = eˣ(x² + 2x)
  [0, 3 * Math.E, 0].forEach((expected, i) =>
    assert.ok(Math.abs(gradient[i] - expected) < 1e-5, `${gradient}`)
  );
});
