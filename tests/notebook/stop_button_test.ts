import assert from "node:assert/strict";

const file = new URL("../../lib/notebook/stop_button.ts", import.meta.url).href;

/** Runs a program, sends SIGINT each time it prints `ready`, and gives back what it printed and how it ended. */
async function interrupted(body: string): Promise<{ out: string; code: number; signal: string | null }> {
  const source = `import { stopButton, StoppedError } from ${JSON.stringify(file)};
    const turn = () => new Promise((done) => setTimeout(done, 5));
    const ready = async (until) => { console.log("ready"); const limit = Date.now() + 5000; while (!until() && Date.now() < limit) await turn(); };
    ${body}`;
  const child = new Deno.Command(Deno.execPath(), { args: ["eval", source], stdout: "piped", stderr: "null" })
    .spawn();
  const deadline = setTimeout(() => child.kill("SIGKILL"), 15_000);
  let out = "", sent = 0;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    out += text;
    for (; sent < out.split("ready\n").length - 1; sent++) child.kill("SIGINT");
  }
  const { code, signal } = await child.status;
  clearTimeout(deadline);
  return { out: out.replaceAll("ready\n", ""), code, signal };
}

Deno.test("stopButton() turns the first SIGINT into a flag and lets the program finish its work", async () => {
  const { out, code } = await interrupted(`
    const button = stopButton();
    console.log(button.pressed);
    await ready(() => button.pressed);
    console.log(button.pressed, button.signal.aborted);
    button.release();
    console.log("saved");`);
  assert.equal(out, "false\ntrue false\nsaved\n");
  assert.equal(code, 0);
});

Deno.test("stopButton() ends a program at the second SIGINT with status 130, its signal aborted before", async () => {
  const { out, code } = await interrupted(`
    const button = stopButton();
    addEventListener("unload", () => console.log(button.signal.reason instanceof StoppedError));
    await ready(() => button.pressed);
    await ready(() => false);
    console.log("still here");`);
  assert.equal(out, "true\n");
  assert.equal(code, 130);
});

Deno.test("stopButton() nests: one press reaches every open button, a later one starts unpressed", async () => {
  const { out, code } = await interrupted(`
    using outer = stopButton();
    { using released = stopButton(); }
    { using inner = stopButton(); await ready(() => inner.pressed); console.log(inner.pressed, outer.pressed); }
    using later = stopButton();
    console.log(later.pressed);
    later.release(); later.release();
    console.log(outer.pressed);`);
  assert.equal(out, "true true\nfalse\ntrue\n");
  assert.equal(code, 0);
});

Deno.test("stopButton() gives SIGINT back when the last button is released", async () => {
  const { out, signal } = await interrupted(`
    stopButton().release();
    await ready(() => false);
    console.log("still here");`);
  assert.equal(out, "");
  assert.equal(signal, "SIGINT");
});
