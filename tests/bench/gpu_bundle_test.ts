import assert from "node:assert/strict";
import { requestAdapter } from "../../lib/backend/request_adapter.ts";

const root = new URL("../../", import.meta.url);

async function deno(args: string[], cwd: string | URL): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
  })
    .output();
  return { code, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** Bundles a module and runs the one file in an empty folder. */
async function runBundled(module: string, command: string[], args: string[] = []): Promise<string> {
  const folder = await Deno.makeTempDir();
  try {
    const made = await deno(["bundle", "-q", "-o", `${folder}/one.js`, module], root);
    assert.equal(made.code, 0, made.output);
    const ran = await deno(
      [...command, "-A", "--unstable-webgpu", "--no-config", "--no-remote", "one.js", ...args],
      folder,
    );
    assert.equal(ran.code, 0, ran.output);
    return ran.output;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const adapter = await requestAdapter();
if (!adapter) console.log("skipped: this machine has no WebGPU adapter");

Deno.test({
  name: "the GPU's bench runs as one file, with no node_modules beside it",
  ignore: !adapter,
  async fn() {
    const torch = new URL("tests/fixtures/gpu_torch_tiny.txt", root).pathname;
    // hardly a tenth of a second: repeats are dropped, parts are not
    const args = ["--tiny", "--times", "3", "--minutes", "0.001", "--torch", torch];
    const output = await runBundled("tests/bench/gpu.ts", ["run"], args);
    const results = JSON.parse(output.trim().split("\n").findLast((line) => line.startsWith("{"))!);
    assert.equal(results.tiny, true);
    // variants of kernels are few: a card's driver takes some milliseconds to a second for each
    const { length } = results.pipelines;
    assert.ok(length > 50 && length < 120, `${length} pipelines`);
    assert.ok(results.pipelines.every(({ milliseconds }: { milliseconds: number }) => milliseconds > 0));
    assert.equal(Object.keys(results.seconds).length, 10);
    assert.match(output, /sampler: .* s of 0\.0, figures measured from 1 to 3 times/);
    const figures = new Map<string, number>(
      results.figures.map(({ name, value }: { name: string; value: number }) => [name, value]),
    );
    assert.ok(figures.get("sample_tokens_per_s_ours_1_rows")! > 0);
    assert.match(output, /rows with the same greedy tokens: 3 of 3/);
    for (const name of ["decoding product of 8 rows, 4 bits", "grpo_training_s_ours, of recording"]) {
      assert.ok(figures.has(name), name);
    }
    const promises = results.table.filter(({ verdict }: { verdict: string | null }) => verdict);
    assert.deepEqual(
      promises.map(({ figure, floorOf }: Record<string, string>) => [figure, floorOf]),
      [
        ["matmul_48_tflops_ours", "matmul_48_tflops_stock"],
        ["matmul_48_tflops_ours", "float32_tflops"],
        ["decode_16_bits_1_row_gb_per_s", "copy_gb_per_s"],
        ["sft_step_s_ours", "sft_step_s_torch"],
      ],
    );
    assert.ok(promises.every(({ verdict }: { verdict: string }) => /^(met|missed)$/.test(verdict)));
  },
});

Deno.test({
  name: "the kernels' tests run as one file, with no node_modules beside it",
  ignore: !adapter,
  async fn() {
    const imported = await Deno.readTextFile(new URL("tests/kernels/webgpu/every_kernel.ts", root));
    for await (const { name } of Deno.readDir(new URL("tests/kernels/webgpu/", root))) {
      if (name.endsWith("_test.ts")) {
        assert.ok(imported.includes(`"./${name}"`), `every_kernel.ts lacks ${name}`);
      }
    }
    const output = await runBundled("tests/kernels/webgpu/every_kernel.ts", ["test", "--no-check"]);
    const passed = Number(output.match(/(\d+) passed/)?.[1]);
    assert.ok(passed > 90, output.slice(-2000));
  },
});
