import assert from "node:assert/strict";
import { needMemory } from "./peers/need_memory.ts";
import { lastJsonLine } from "./process.ts";

const run = (script: string, ...args: string[]) =>
  lastJsonLine(Deno.execPath(), ["run", "--allow-all", new URL(script, import.meta.url).pathname, ...args]);

const positive = (figures: Record<string, number>, names: string[]) => {
  for (const name of names) assert.ok(figures[name] > 0, `${name}: ${figures[name]}`);
};

Deno.test("the bench times a real model's shape under the names that it has for the others", async () => {
  const results: Record<string, { real: number }> = await run(
    "bench.ts",
    "--sizes",
    "real",
    "--tiny",
    "--json",
  );
  const figures = Object.fromEntries(Object.entries(results).map(([name, { real }]) => [name, real]));
  positive(figures, ["grpo_step_s", "sample_tokens_per_s", "sft_step_s", "start_s", "peak_rss_mb"]);
  positive(figures, ["sft_first_s", "grpo_first_s", "load_s", "grpo_step_q4_s", "peak_rss_q4_mb"]);
});

Deno.test("what a shape takes is timed in every form that weights are kept in, with steps of any size", async () => {
  for (const weights of ["bfloat16", "int8"]) {
    const figures = await run(
      "real.ts",
      ...["--shape", "tiny", "--weights", weights, "--steps", "1", "--sft", "2x20", "--grpo", "2x3x4"],
    );
    positive(figures, ["load_s", "sft_first_s", "sft_step_s", "sample_tokens_per_s", "grpo_first_s"]);
    positive(figures, ["grpo_step_s", "start_s", "peak_rss_mb"]);
  }
  await assert.rejects(
    run("real.ts", "--shape", "smollm3"),
    /--shape takes one of tiny, smollm2, .* got --shape smollm3/,
  );
  await assert.rejects(run("bench.ts", "--sizes", "huge"), /--sizes takes small, medium, real, got huge/);
});

Deno.test("needMemory() refuses work that the machine has no memory for, and says the way out", () => {
  const options = { bytes: 17e9, wayOut: "leave it out" };
  needMemory("timing TRL", { ...options, available: 17e9 });
  assert.throws(() => needMemory("timing TRL", { ...options, available: 12.34e9 }), {
    message:
      "timing TRL takes up to 17.0 GB of memory, and 12.3 GB are free; end what else is running, or leave it out",
  });
});

const python = Deno.env.get("SHOWWORK_PEERS_PYTHON");
const title = "the bench against peers holds a real model's shape to its targets, ours and theirs in turn";
if (!python) {
  Deno.test.ignore(`${title} (skipped: SHOWWORK_PEERS_PYTHON is not set)`, () => {});
} else {
  Deno.test(title, async () => {
    const { real } = await run(
      "peers/peers.ts",
      "--sizes",
      "real",
      "--tiny",
      "--rounds",
      "1",
      "--steps",
      "1",
    );
    assert.deepEqual(Object.keys(real), [
      "sample_tokens_per_s",
      "sft_step_s",
      "sft_first_over_later",
      "grpo_step_s",
      "grpo_first_over_later",
      "start_s",
      "peak_rss_mb",
      "grpo_step_q4_s",
      "peak_rss_q4_mb",
    ]);
    for (const [name, { ours, peer }] of Object.entries<Record<string, number>>(real)) {
      assert.ok(ours > 0 && peer > 0, `${name}: ${ours}, ${peer}`);
    }
  });
}
