import assert from "node:assert/strict";

const script = new URL(import.meta.resolve("./device_loss_process.ts")).pathname;
const configFile = new URL(import.meta.resolve("../../deno.json")).pathname;

/** Runs the process; `null` where there is no adapter. */
async function loseDevice(stage: "sft" | "grpo", folder: string) {
  const args = ["run", "-A", "--no-check", "--config", configFile, script, stage, folder];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (/WebgpuUnavailableError/.test(text(stderr)) && Deno.env.get("SHOWWORK_REQUIRE_WEBGPU") !== "1") {
    console.log("skipped: there is no WebGPU adapter");
    return null;
  }
  const line = text(stdout).split("\n").find((line) => line.startsWith("{"));
  assert.ok(line && code === 0, `${code}: ${text(stderr)}`);
  return JSON.parse(line) as {
    message: string;
    ended: string;
    backend: string;
    lost: number[];
    resumed: number[];
    undisturbed: number[];
  };
}

for (const { stage, own } of [{ stage: "sft", own: false }, { stage: "grpo", own: true }] as const) {
  const where = own ? "without being asked for checkpoints" : "with a checkpoint every 2 steps";
  Deno.test(`${stage}() ${where} that loses its GPU says so, and goes on from a checkpoint on a new device`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const found = await loseDevice(stage, own ? "" : folder);
      if (!found) return;
      assert.match(
        found.message,
        new RegExp(`^${stage} failed after 3 of 5 steps: the WebGPU device was lost`),
      );
      assert.match(
        found.message,
        own
          ? /The last checkpoint is .*-step-1: call useBackend\(\)/
          : /The last checkpoint is .*-step-2: call useBackend\(\)/,
      );
      assert.match(found.message, /go on with resume\(model, ".*", \{ problems \}\)/);
      assert.deepEqual([found.ended, found.backend], ["failed", "webgpu"]);
      assert.deepEqual(found.lost, found.undisturbed.slice(0, 3));
      assert.equal(found.resumed.length, 5);
      found.undisturbed.forEach((loss, i) =>
        assert.ok(Math.abs(found.resumed[i] - loss) < 1e-5, `${found.resumed}`)
      );
      assert.ok(new Set(found.undisturbed).size > 2, "the losses do not move, so equality would say nothing");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
