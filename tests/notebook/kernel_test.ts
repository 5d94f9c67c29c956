import assert from "node:assert/strict";
import { kernel } from "../../lib/display/kernel.ts";

const python = Deno.env.get("SHOWWORK_PYTHON");
const reason = "needs a Python with jupyter_client: set SHOWWORK_PYTHON to its path";
if (!python) console.log(`skipped: tests/notebook/kernel_test.ts ${reason}`);

interface Reply {
  status: string;
  alive: boolean;
  sent: {
    type: string;
    data?: Record<string, string>;
    metadata?: Record<string, unknown>;
    text?: string;
    transient?: { display_id?: string };
  }[];
}

/** Runs cells in a real Deno kernel; `interruptAfter` presses ■ that many seconds into a cell, `answers` are typed when it asks. */
async function runCells(
  cells: { code: string; interruptAfter?: number[]; answers?: string[] }[],
  env: Record<string, string> = {},
) {
  const script = new URL("../fixtures/run_kernel.py", import.meta.url).pathname;
  const child = new Deno.Command(python!, {
    args: [script, Deno.execPath()],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env,
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(cells)));
  await writer.close();
  const { stdout, stderr } = await child.output(),
    text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { replies: JSON.parse(text(stdout)) as Reply[], stderr: text(stderr) };
}

const lib = (path: string) => JSON.stringify(new URL(`../../lib/${path}`, import.meta.url).href);
const imports = {
  code: `import { livePanel } from ${lib("notebook/live_panel.ts")};
    import { keepKernelAlive, stopButton } from ${lib("notebook/stop_button.ts")};
    import { Figure } from ${lib("report/figure.ts")};
    keepKernelAlive();
    let kept = 41;
    const turn = () => new Promise((done) => setTimeout(done, 10));`,
};

Deno.test("kernel() is undefined outside a Deno kernel", () => assert.equal(kernel(), undefined));

Deno.test({
  name:
    "■ stops a stage after its step, a second press ends it at once, between cells it does nothing; variables live",
  ignore: !python,
  async fn() {
    const { replies } = await runCells([
      imports,
      {
        code: `const one = stopButton(); while (!one.pressed) await turn(); one.release(); ++kept; kept`,
        interruptAfter: [0.5],
      },
      { code: `for (let i = 0; i < 80; i++) await turn(); ++kept; kept`, interruptAfter: [0.3] },
      {
        code: `const two = stopButton(); try { while (true) { two.signal.throwIfAborted(); await turn(); } }
          catch (error) { console.log(error.name, kept); } finally { two.release(); }`,
        interruptAfter: [0.3, 0.7],
      },
    ]);
    assert.deepEqual(replies.map(({ status, alive }) => [status, alive]), Array(4).fill(["ok", true]));
    const result = (reply: Reply) =>
      reply.sent.find(({ type }) => type === "execute_result")!.data!["text/plain"];
    assert.match(result(replies[1]), /42/);
    assert.match(result(replies[2]), /43/);
    assert.equal(replies[3].sent.find(({ type }) => type === "stream")!.text, "StoppedError 43\n");
  },
});

Deno.test({
  name: "■ ends real training after the step in hand with a checkpoint, and its run can be exported",
  ignore: !python,
  async fn() {
    const dir = await Deno.makeTempDir(),
      model = new URL("../../data/models/tiny-gemma", import.meta.url).pathname;
    const { replies } = await runCells([
      {
        code: `import { exportRun, generateProblems, loadModel, sft, useBackend } from ${
          JSON.stringify(new URL("../../mod.ts", import.meta.url).href)
        };
        await useBackend({ backend: "cpu" });
        const model = await loadModel(${JSON.stringify(model)});
        const problems = generateProblems({ count: 40, seed: 1 });`,
      },
      {
        code: `const run = await sft(model, problems, { steps: 5000, batchSize: 4, checkpoints: ${
          JSON.stringify(`${dir}/checkpoints`)
        } });
          [run.ended, run.steps.length < 200, run.checkpoint !== undefined].join()`,
        interruptAfter: [1.5],
      },
      {
        code: `(await exportRun(${
          JSON.stringify(`${dir}/results`)
        }, { config: {}, runs: [run], evaluations: {} })).results.runs[0].ended`,
      },
    ]);
    const result = (reply: Reply) =>
      reply.sent.find(({ type }) => type === "execute_result")?.data?.["text/plain"];
    assert.deepEqual(replies.map(({ status, alive }) => [status, alive]), Array(3).fill(["ok", true]));
    assert.match(result(replies[1])!, /interrupted,true,true/);
    assert.match(result(replies[2])!, /interrupted/);
    await Deno.remove(dir, { recursive: true });
  },
});

Deno.test({
  name:
    "■ pressed twice ends a GRPO step at once, with the state before it saved; kernel, variables and model live",
  ignore: !python,
  async fn() {
    const dir = await Deno.makeTempDir(),
      model = new URL("../../data/models/tiny-gemma", import.meta.url).pathname;
    const { replies } = await runCells([
      {
        code:
          `import { compositeReward, evaluate, generateProblems, grpo, loadCheckpoint, loadModel, useBackend } from ${
            JSON.stringify(new URL("../../mod.ts", import.meta.url).href)
          };
        await useBackend({ backend: "cpu" });
        let kept = 41;
        const model = await loadModel(${JSON.stringify(model)});
        const problems = generateProblems({ count: 40, seed: 1 });`,
      },
      {
        // one update takes a long time: 256 backward passes
        code:
          `const run = await grpo(model, problems, { steps: 9, promptsPerStep: 32, generations: 8, microBatch: 1,
            reward: compositeReward({ preset: "r3" }), checkpoints: ${
            JSON.stringify(`${dir}/checkpoints`)
          } });
          [run.ended, run.reason, run.steps.length].join("|")`,
        interruptAfter: [1.5, 2.5],
      },
      {
        code: `[++kept, (await loadCheckpoint(run.checkpoint)).step,
            (await evaluate(model, problems.slice(0, 4), { maxTokens: 8 })).items.length].join("|")`,
      },
    ]);
    const result = (reply: Reply) =>
      reply.sent.find(({ type }) => type === "execute_result")?.data?.["text/plain"];
    assert.deepEqual(replies.map(({ status, alive }) => [status, alive]), Array(3).fill(["ok", true]));
    assert.match(result(replies[1])!, /interrupted\|stopped at once after step 0 of 9\|0/);
    assert.match(result(replies[2])!, /42\|0\|4/);
    await Deno.remove(dir, { recursive: true });
  },
});

Deno.test({
  name: "a panel updates one display in place, and writes progress to the kernel's stderr when asked",
  ignore: !python,
  async fn() {
    const cells = [imports, {
      code: `const panel = livePanel({ title: "SFT", total: 60 });
        for (let step = 1; step <= 60; step++) { panel.update({ step, loss: 1 / step }); await turn(); }
        await panel.end();`,
    }];
    const { replies, stderr } = await runCells(cells, { SHOWWORK_PROGRESS: "1" });
    const shown = replies[1].sent.filter(({ type }) => type.endsWith("display_data"));
    assert.equal(shown.filter(({ type }) => type === "display_data").length, 1);
    assert.ok(shown.length >= 3 && shown.length <= 6, `${shown.length} drawings in 0.6 s`);
    assert.equal(new Set(shown.map(({ transient }) => transient!.display_id)).size, 1);
    assert.match(shown.at(-1)!.data!["text/plain"], /^SFT 60\/60 steps ██████████ finished/);
    assert.match(stderr, /SFT 60\/60 steps/);
    assert.doesNotMatch((await runCells(cells)).stderr, /SFT 60/);
  },
});

Deno.test({
  name: "a figure that a cell ends with is sent as Plotly, HTML, PNG with its size and text",
  ignore: !python,
  async fn() {
    const { replies } = await runCells([imports, { code: `kept` }, {
      code: `new Figure([{ y: [1, 2] }], { title: { text: "T" } })`,
    }]);
    const { data, metadata } = replies[2].sent.find(({ type }) => type === "display_data")!;
    assert.deepEqual(metadata, { "image/png": { width: 1200, height: 500 } });
    assert.deepEqual(Object.keys(data!).sort(), [
      "application/vnd.plotly.v1+json",
      "image/png",
      "text/html",
      "text/plain",
    ]);
  },
});

Deno.test({
  name: "under Run All what a cell ends with lands under that cell, while the kernel listens to it",
  ignore: !python,
  async fn() {
    const script = new URL("../fixtures/run_all.py", import.meta.url).pathname;
    const child = new Deno.Command(python!, {
      args: [script, Deno.execPath()],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter(), count = 40;
    const cells = Array.from({ length: count }, (_, i) => `displayable({}, { text: () => "cell ${i}" })`);
    const first = `import { displayable } from ${lib("display/displayable.ts")};`;
    await writer.write(new TextEncoder().encode(JSON.stringify([first, ...cells])));
    await writer.close();
    const landed = JSON.parse(new TextDecoder().decode((await child.output()).stdout));
    assert.deepEqual(landed, { right: Array.from({ length: count }, (_, i) => i), wrong: [], late: [] });
  },
});

Deno.test({
  name: "chat() streams replies into one display each, asks by Jupyter's input field, and ■ ends a reply",
  ignore: !python,
  async fn() {
    const mod = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);
    const { replies } = await runCells([
      {
        code: `import { chat, loadModel, useBackend } from ${mod};
        await useBackend({ backend: "cpu" });
        const model = await loadModel(${
          JSON.stringify(new URL("../../data/models/tiny-gemma", import.meta.url).pathname)
        });
        const talk = chat(model, { maxTokens: 60 });`,
      },
      { code: `(await talk.say("What is 12 + 30?")).text.length > 0` },
      { code: `await talk.interactive()`, answers: ["2 + 3?", "4 + 5?", ""] },
      { code: `await talk.interactive()` },
      {
        // on a quick machine a reply can be whole before ■ comes: it is asked for until one is cut
        code: `let long, cut;
          do cut = await (long = chat(model, { maxTokens: 450, eosIds: [], seed: 1 })).say("2 + 3?");
          while (cut.completion.ended !== "aborted");
          const again = await long.say("2 + 3?"); [cut, again].map(({ completion }) => completion.ended).join()`,
        interruptAfter: [0.1],
      },
      { code: `[talk.history.length, long.history.length].join()` },
    ]);
    assert.deepEqual(replies.map(({ status, alive }) => [status, alive]), Array(6).fill(["ok", true]));
    const displays = (reply: Reply) =>
      reply.sent.filter(({ type, data }) => type.endsWith("display_data") && data!["text/html"]);
    const first = displays(replies[1]);
    assert.equal(new Set(first.map(({ transient }) => transient!.display_id)).size, 1);
    assert.match(
      first.at(-1)!.data!["text/plain"],
      /> What is 12 \+ 30\?\n.+\n {2}\(\d+ tokens · .* tokens\/s\)/s,
    );
    assert.equal(new Set(displays(replies[2]).map(({ transient }) => transient!.display_id)).size, 2);
    assert.equal(displays(replies[3]).length, 0, "no input field: nothing is asked");
    const result = (reply: Reply) =>
      reply.sent.find(({ type }) => type === "execute_result")!.data!["text/plain"];
    assert.match(result(replies[4]), /aborted,limit/);
    assert.match(result(replies[5]), /6,4/);
  },
});
