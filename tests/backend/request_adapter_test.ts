import assert from "node:assert/strict";
import { requestAdapter } from "../../lib/backend/request_adapter.ts";

const module = import.meta.resolve("../../lib/backend/request_adapter.ts");

/** Whether a process of its own found an adapter, and the libraries that were loaded for it. */
async function adapterOf(env: Record<string, string>) {
  const code = `import { requestAdapter } from "${module}";
    const found = await requestAdapter() !== null;
    console.log(JSON.stringify({ found, maps: Deno.readTextFileSync("/proc/self/maps") }));`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-config", "--unstable-webgpu", code],
    env: { ...Deno.env.toObject(), ...env },
    clearEnv: true,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const { found, maps } = JSON.parse(text(stdout) || `{}`);
  assert.equal(typeof found, "boolean", text(stderr));
  return { found: found as boolean, egl: /libEGL/.test(maps) };
}

const none = Deno.build.os !== "linux" || !await requestAdapter();
if (none) console.log("skipped: what is loaded for a WebGPU adapter is known on Linux with one only");

Deno.test({
  name: "requestAdapter() loads no EGL, whose thread data is freed twice at the exit",
  ignore: none,
  async fn() {
    const { DENO_WEBGPU_BACKEND: _, ...env } = Deno.env.toObject();
    assert.deepEqual(await adapterOf({ ...env }), { found: true, egl: false });
    assert.deepEqual(await adapterOf({ DENO_WEBGPU_BACKEND: "vulkan" }), { found: true, egl: false });
  },
});

Deno.test({
  name: "requestAdapter() leaves the backends that a person named",
  ignore: none,
  async fn() {
    assert.equal((await adapterOf({ DENO_WEBGPU_BACKEND: "gl" })).egl, true);
  },
});
