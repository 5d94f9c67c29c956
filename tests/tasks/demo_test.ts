import assert from "node:assert/strict";
import { join } from "node:path";
import { committable } from "../../lib/tasks/demo.ts";
import { projectRoot } from "../../lib/tasks/environment.ts";

const script = join(projectRoot, "lib", "tasks", "demo.ts");
// Running a notebook needs Jupyter; making its environment takes a minute and a network, so a test does not start it.
const jupyter = await Deno.stat(join(projectRoot, ".venv", "showwork.json")).then(() => true, () => false);
if (!jupyter) {
  console.log("skipped: running notebooks in tests/tasks/demo_test.ts needs .venv (deno task demo makes it)");
}

async function demo(args: string[], options: { interruptWhen?: RegExp } = {}) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", script, ...args],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let output = "", sent = false;
  const errors = new Response(child.stderr).text();
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    if (!sent && options.interruptWhen?.test(output)) {
      sent = true;
      child.kill("SIGINT");
    }
  }
  return { status: (await child.status).code, output, errors: await errors };
}

/** Runs `cells` as a notebook and gives what `deno task demo` said and what it saved. */
async function runCells(cells: string[], options: { interruptWhen?: RegExp; args?: string[] } = {}) {
  const folder = await Deno.makeTempDir({ dir: projectRoot, prefix: ".demo_test_", suffix: ".tmp" });
  try {
    const notebook = join(folder, "cells.ipynb"), output = join(folder, "out");
    await Deno.writeTextFile(notebook, notebookOf(cells));
    const said = await demo(["--notebook", notebook, "--output", output, ...options.args ?? []], options);
    const saved = JSON.parse(await Deno.readTextFile(join(output, "cells.ipynb")));
    return { ...said, saved: saved.cells as { outputs: { text?: string[]; output_type: string }[] }[] };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function notebookOf(cells: string[]): string {
  const code = cells.map((source, i) => ({
    cell_type: "code",
    id: `c${i}`,
    metadata: {},
    source,
    outputs: [],
    execution_count: null,
  }));
  return JSON.stringify({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: "deno", display_name: "Deno" } },
    cells: code,
  });
}

Deno.test("demo with a results folder that cannot be made says so before anything else", async () => {
  const file = await Deno.makeTempFile();
  try {
    const { status, output, errors } = await demo(["--output", join(file, "results")]);
    assert.deepEqual([status, output], [1, ""]);
    assert.match(
      errors,
      /^\nCannot write '.*': the folder '.*results' must be writable \(a part of the path is a file\)/,
    );
    assert.doesNotMatch(errors, /^\s+at /m);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("demo refuses a wrong option with its usage", async () => {
  const { status, errors } = await demo(["--notebok", "x"]);
  assert.equal(status, 1);
  assert.match(errors, /notebok/);
  assert.match(errors, /--notebook FILE/);
});

Deno.test({
  name: "demo names the cell that failed, saves the cells before it and runs none after it",
  ignore: !jupyter,
  async fn() {
    const { status, output, errors, saved } = await runCells([
      'console.log("first")',
      'const rate = 9;\nthrow new RangeError("rate must be 1 to 3, not " + rate);',
      'console.log("never")',
    ]);
    assert.equal(status, 1);
    assert.match(output, /\[1\/3\] console\.log\("first"\)\n {6}first\n/);
    assert.match(
      errors,
      /Cell 2 of 3 \(const rate = 9;\) failed after .*:\n {2}RangeError: rate must be 1 to 3, not 9\nThe notebook as far/,
    );
    assert.deepEqual(saved[0].outputs[0].text, ["first\n"]);
    assert.equal(saved[1].outputs[0].output_type, "error");
    assert.deepEqual(saved[2].outputs, []);
  },
});

Deno.test({
  name:
    "demo passes Ctrl-C to the stage that runs, which ends after its step, and ends the run with status 130",
  ignore: !jupyter || Deno.build.os === "windows",
  async fn() {
    const button = JSON.stringify(new URL("../../lib/notebook/stop_button.ts", import.meta.url).href);
    const { status, output, saved } = await runCells([
      `import { stopButton } from ${button};`,
      `const stop = stopButton();
       console.log("training");
       let step = 0;
       while (!stop.pressed && step < 1000) { step++; await new Promise((done) => setTimeout(done, 20)); }
       console.log(stop.pressed ? "kept" : "not interrupted");`,
      'console.log("never")',
    ], { interruptWhen: /training\n/ });
    assert.equal(status, 130);
    assert.match(output, /Stopping after this step and saving/);
    assert.match(output, /Interrupted after .*The notebook as far as it came/);
    assert.match(JSON.stringify(saved[1].outputs), /kept/);
    assert.deepEqual(saved[2].outputs, []);
  },
});

Deno.test("committable() takes this machine's paths and times out of a notebook and keeps its outputs", () => {
  const cell = {
    cell_type: "code",
    id: "a",
    metadata: { execution: { "iopub.status.busy": "now" }, tags: ["t"] },
    source: ["1"],
    execution_count: 1,
    outputs: [{ output_type: "stream", name: "stdout", text: [`${projectRoot}/results/demo\n`] }],
  };
  const metadata = { kernelspec: { name: "deno" }, language_info: { version: "5.9" }, widgets: {} };
  const kept = JSON.parse(
    committable(JSON.stringify({ cells: [cell], metadata, nbformat: 4, nbformat_minor: 5 })),
  );
  assert.deepEqual(kept.cells[0].metadata, { tags: ["t"] });
  assert.deepEqual(kept.cells[0].outputs[0].text, ["results/demo\n"]);
  assert.deepEqual(kept.metadata, {
    kernelspec: { name: "deno" },
    language_info: { name: "typescript", file_extension: ".ts" },
  });
  assert.deepEqual([kept.nbformat, kept.nbformat_minor], [4, 5]);
});
