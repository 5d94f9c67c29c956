import assert from "node:assert/strict";

const script = new URL(import.meta.resolve("./choose_backend_process.ts")).pathname;
const configFile = new URL(import.meta.resolve("../../deno.json")).pathname;

Deno.test("without useBackend() the first model chooses our kernels and says so once; a bare decoder refuses", async () => {
  const args = ["run", "-A", "--no-check", "--config", configFile, script];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" } })
    .output();
  const [said, told] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  const line = said.split("\n").find((line) => line.startsWith("{"));
  assert.ok(line, told);
  const { refusal, backend, ours } = JSON.parse(line);
  assert.match(refusal, /await useBackend\(\)/);
  assert.ok(ours && ["wasm", "webgpu"].includes(backend), line);
  assert.equal(told.match(/Nobody had chosen a backend/g)?.length, 1, told);
  assert.match(told, /^(CPU|WebGPU): .+ threads? \(.+\)/m);
});
