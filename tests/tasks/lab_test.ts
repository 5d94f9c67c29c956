import assert from "node:assert/strict";
import { join } from "node:path";

const root = new URL("../../", import.meta.url).pathname;
const made = await Deno.stat(join(root, ".venv", "bin", "python")).then(() => true, () => false);
if (!made) {
  console.log("skipped: starting JupyterLab in tests/tasks/lab_test.ts needs .venv (deno task lab makes it)");
}

/** Whether JupyterLab answers on a port, within some seconds. */
async function answers(port: number, seconds: number): Promise<boolean> {
  for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
    const response = await fetch(`http://127.0.0.1:${port}/api`).catch(() => null);
    await response?.body?.cancel();
    if (response?.ok) return true;
    await new Promise((done) => setTimeout(done, 200));
  }
  return false;
}

Deno.test({
  name: "lab runs JupyterLab, as root too, and ends it with itself",
  ignore: !made,
  async fn() {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = listener.addr;
    listener.close();
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        "--no-check",
        join(root, "lib/tasks/lab.ts"),
        "--no-browser",
        "--port",
        `${port}`,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      assert.ok(await answers(port, 40), "JupyterLab did not come up");
    } finally {
      child.kill("SIGTERM");
      await child.status;
    }
    for (let waited = 0; waited < 50 && await answers(port, 0.1); waited++) {
      await new Promise((done) => setTimeout(done, 200));
    }
    assert.ok(!await answers(port, 0.3), "JupyterLab runs on after its task");
  },
});
