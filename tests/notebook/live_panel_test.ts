import assert from "node:assert/strict";
import { livePanel, type PanelSurface } from "../../lib/notebook/live_panel.ts";
import { panelHtml, panelLine, type PanelState } from "../../lib/notebook/panel_view.ts";

/** A surface that remembers, and a clock that is moved by hand. */
function recorder() {
  const shown: { state: PanelState; first: boolean; last: boolean }[] = [], clock = { now: 0 };
  const surface: PanelSurface = {
    show: (state, when) => void shown.push({ state: structuredClone(state), ...when }),
  };
  return { shown, clock, options: { surface, now: () => clock.now } };
}

const state = (extra: Partial<PanelState> = {}): PanelState => ({
  title: "GRPO",
  done: 120,
  total: 200,
  unit: "step",
  elapsedSeconds: 60,
  quantities: [
    { label: "Reward", colour: "#3b5bdb", history: [0.5, 0.8125] },
    { label: "Correctness", colour: "#0b8a6a", share: true, history: [0.25, 0.725] },
  ],
  notes: [],
  ...extra,
});

Deno.test("livePanel() draws at most once an interval and always the first and the last", async () => {
  const { shown, clock, options } = recorder();
  const panel = livePanel({ title: "SFT", total: 100, interval: 250, ...options });
  for (let step = 1; step <= 100; step++) {
    clock.now += 10;
    panel.update({ step, loss: 1 / step });
  }
  await panel.end("finished");
  // At 0 ms, then at 250, 500, 750 and 1000 ms, then the end.
  assert.deepEqual(shown.map(({ state }) => state.done), [0, 25, 50, 75, 100, 100]);
  assert.deepEqual(shown.map(({ first }) => first), [true, false, false, false, false, false]);
  assert.deepEqual(shown.map(({ last }) => last), [false, false, false, false, false, true]);
  assert.equal(shown.at(-1)!.state.ended, "finished");
  assert.equal(shown.at(-1)!.state.quantities[0].history.length, 100);
});

Deno.test("livePanel() shows the last of a burst when nothing follows it", async () => {
  const { shown, clock, options } = recorder();
  const panel = livePanel({ title: "SFT", total: 9, interval: 20, ...options });
  clock.now = 1;
  panel.update({ step: 7, loss: 3 });
  assert.equal(shown.at(-1)?.state.done ?? 0, 0);
  await new Promise((done) => setTimeout(done, 60));
  assert.equal(shown.at(-1)!.state.done, 7);
  await panel.end();
});

Deno.test("livePanel() leaves out what was not measured, shows a note once and survives a surface that fails", async () => {
  const { shown, options } = recorder();
  const panel = livePanel({ title: "GRPO", total: 2, interval: 0, ...options });
  panel.update({ step: 1, loss: NaN, reward: 0.5, gradientNorm: 3, temperature: 0.8, phase: "easy" });
  panel.note("no signal");
  panel.note("no signal");
  await panel.end("interrupted");
  const last = shown.at(-1)!.state;
  assert.deepEqual(last.quantities.map(({ label }) => label), ["Reward", "temperature"]);
  assert.deepEqual([last.notes, last.phase, last.ended], [
    [{ text: "no signal", level: "note" }],
    "easy",
    "interrupted",
  ]);
  const broken = livePanel({
    title: "x",
    total: 1,
    surface: { show: () => Promise.reject(new Error("gone")) },
  });
  broken.update({ step: 1 });
  await broken.end();
});

Deno.test("livePanel() keeps the histories of long runs short and their ends exact", async () => {
  const { shown, options } = recorder();
  const panel = livePanel({ title: "SFT", total: 5000, interval: 1e9, ...options });
  for (let step = 1; step <= 5000; step++) panel.update({ step, loss: step });
  await panel.end();
  const { history } = shown.at(-1)!.state.quantities[0];
  assert.ok(history.length <= 160 && history[0] === 1 && history.at(-1) === 5000, `${history.length}`);
});

Deno.test("panelLine() says how far, how long and what, in the width there is", () => {
  assert.equal(
    panelLine(state({ phase: "medium" })),
    "GRPO 120/200 steps ██████░░░░ 40 s left · phase medium · reward 0.813 · correctness 72.5 %",
  );
  assert.match(panelLine(state({ ended: "interrupted" })), /interrupted after 1 min 00 s/);
  const narrow = panelLine(state(), { width: 30 });
  assert.equal(narrow.length, 30);
  assert.ok(narrow.endsWith("…"));
});

Deno.test("panelHtml() escapes what a model wrote, colours the tags and draws a curve for each quantity", () => {
  const html = panelHtml(state({
    title: "<b>GRPO",
    notes: [{ text: "reward < 0.1 & falling", level: "warning" }],
    sample: {
      prompt: "<img src=x>",
      completion: "<reasoning><script>alert(1)</script></reasoning><answer>8</answer>",
      reference: "8",
      reward: 0.9,
      correct: true,
    },
  }));
  assert.doesNotMatch(html, /<script|<img|<b>|<answer>/);
  assert.ok(html.includes("&lt;script&gt;alert(1)&lt;/script&gt;"));
  assert.match(html, /<span style="color:#0b7285;font-weight:600">&lt;answer&gt;<\/span>8/);
  assert.equal(html.split("<svg").length - 1, 2);
  for (
    const part of ["width:60.0%", "step 120 of 200", "72.5 %", "reward &lt; 0.1 &amp; falling", ">correct<"]
  ) {
    assert.ok(html.includes(part), part);
  }
});

Deno.test("livePanel() shows a table in place of the one before", async () => {
  const { shown, options } = recorder();
  const panel = livePanel({ title: "2 configurations", total: 2, unit: "run", interval: 0, ...options });
  panel.table({ columns: ["", "accuracy"], rows: [["beta 0", "0.5"]] });
  panel.table({ columns: ["", "accuracy"], rows: [["beta 0", "0.5"], ["<beta 1>", "0.7"]] });
  await panel.end();
  const html = panelHtml(shown.at(-1)!.state);
  assert.equal(html.split("<tr").length - 1, 3);
  assert.ok(html.includes("&lt;beta 1&gt;") && html.includes("0.7"));
});

Deno.test("a panel in a program whose output is not a terminal writes a line every tenth", async () => {
  const source = `import { livePanel } from ${
    JSON.stringify(new URL("../../lib/notebook/live_panel.ts", import.meta.url).href)
  };
    const panel = livePanel({ title: "SFT", total: 100, interval: 0 });
    for (let step = 1; step <= 100; step++) { panel.update({ step, loss: 1 }); await null; }
    panel.note("a diagnosis");
    await panel.end("finished");`;
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", source],
    stdout: "piped",
  }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  assert.ok(success);
  assert.deepEqual(lines.map((line) => /(\d+)\/100|diagnosis/.exec(line)?.[0]), [
    "1/100",
    ...Array.from({ length: 10 }, (_, i) => `${(i + 1) * 10}/100`),
    "diagnosis",
    "100/100",
  ]);
  assert.match(lines.at(-1)!, /finished after/);
});

Deno.test("livePanel() draws the held-out accuracy of the steps that were evaluated as a curve of its own", async () => {
  const { shown, options } = recorder();
  const panel = livePanel({ title: "GRPO", total: 4, interval: 0, ...options });
  for (let step = 1; step <= 4; step++) {
    panel.update({
      step,
      reward: step,
      ...(step % 2 ? {} : { evaluation: { accuracy: step / 10, formatRate: 1 } }),
    });
  }
  await panel.end();
  const { quantities } = shown.at(-1)!.state;
  assert.deepEqual(quantities.map(({ label, history }) => [label, history]), [
    ["Reward", [1, 2, 3, 4]],
    ["Held-out accuracy", [0.2, 0.4]],
  ]);
});
