/**
 * What the live panel costs of a GRPO step of the demo, in a real Deno kernel: seconds spent in it, drawing and sending included, by
 * seconds of the steps. `SHOWWORK_PYTHON=.venv/bin/python deno run -A tests/bench/panel_overhead.ts`
 *
 * @module
 */
import { setObserver } from "../../lib/display/observer.ts";
import { kernel } from "../../lib/display/kernel.ts";
import { livePanel, type PanelSurface } from "../../lib/notebook/live_panel.ts";
import { panelHtml, panelLine } from "../../lib/notebook/panel_view.ts";
import { stopButton } from "../../lib/notebook/stop_button.ts";
import {
  type CausalLM,
  compositeReward,
  generateProblems,
  grpo,
  loadConfig,
  loadModel,
  sft,
  useBackend,
} from "../../mod.ts";

const problems = generateProblems({ count: 400, seed: 1 });

/** In a kernel: the model as SFT leaves it. */
export async function prepare(): Promise<CausalLM> {
  await useBackend({ backend: "cpu" });
  const model = await loadModel("tiny-gemma");
  await sft(model, problems, { steps: 30, batchSize: 16 });
  return model;
}

/** In a kernel: some of the demo's steps, and the time that passes within the panel. */
export async function measure(model: CausalLM, steps: number): Promise<string> {
  const { grpo: settings, reward } = await loadConfig("demo");
  let inside = 0, drawings = 0;
  const timed = <T>(work: () => T): T => {
    const from = performance.now();
    try {
      return work();
    } finally {
      inside += performance.now() - from;
    }
  };
  // what livePanel finds for itself in a kernel
  const jupyter = kernel()!, id = crypto.randomUUID();
  const surface: PanelSurface = {
    async show(state, { first }) {
      const from = performance.now();
      await jupyter.broadcast(first ? "display_data" : "update_display_data", {
        data: { "text/html": panelHtml(state), "text/plain": panelLine(state) },
        metadata: {},
        transient: { display_id: id },
      });
      inside += performance.now() - from;
      drawings++;
    },
  };
  setObserver({
    view: (options) => {
      const panel = livePanel({ ...options, surface });
      return {
        update: (metrics, sample) => timed(() => panel.update(metrics, sample)),
        note: (text, level) => timed(() => panel.note(text, level)),
        end: (ended) => panel.end(ended),
      };
    },
    stop: stopButton,
  });
  const run = await grpo(model, problems, { ...settings, steps, reward: compositeReward(reward) });
  const all = run.steps.reduce((sum, { seconds }) => sum + seconds.total, 0);
  return `${steps} steps of ${(all / steps).toFixed(2)} s, ${drawings} drawings: ${
    (inside / steps).toFixed(2)
  } ms of a step in the panel, ${(inside / 10 / all).toFixed(3)} %`;
}

if (import.meta.main) {
  const python = Deno.env.get("SHOWWORK_PYTHON") ?? ".venv/bin/python";
  const script = new URL("../fixtures/run_kernel.py", import.meta.url).pathname;
  const cells = [
    `import { measure, prepare } from ${JSON.stringify(import.meta.url)};\nconst model = await prepare();`,
    "console.log(await measure(model, 12));",
  ];
  const child = new Deno.Command(python, {
    args: [script, Deno.execPath()],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(cells.map((code) => ({ code })))));
  await writer.close();
  const replies = JSON.parse(new TextDecoder().decode((await child.output()).stdout)) as {
    sent: { text?: string }[];
  }[];
  const texts = replies.flatMap(({ sent }) => sent.map(({ text = "" }) => text));
  const line = texts.find((text) => /in the panel/.test(text));
  if (!line) throw new Error("a cell did not come to its end within a minute");
  console.log(line.trim());
}
