/**
 * `deno task gradients`: bundles tfjs-core's registration of gradients into `lib/backend/gradients.js`.
 *
 * @module
 */
import { packageRequire } from "../backend/package_files.ts";

const core = packageRequire.resolve("@tensorflow/tfjs-core/package.json").replace(/package\.json$/, "");
const target = new URL("../backend/gradients.js", import.meta.url).pathname;
const { success } = await new Deno.Command(Deno.execPath(), {
  args: ["bundle", "--minify", "--output", target, `${core}dist/register_all_gradients.js`],
}).output();
if (!success) Deno.exit(1);
const { version } = JSON.parse(await Deno.readTextFile(`${core}package.json`));
const notice =
  `/* @tensorflow/tfjs-core ${version}, register_all_gradients. Copyright Google LLC, Apache-2.0. Made by deno task gradients. */\n`;
await Deno.writeTextFile(target, notice + await Deno.readTextFile(target));
