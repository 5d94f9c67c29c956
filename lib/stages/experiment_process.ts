/**
 * A process that makes runs of an experiment for another: a line of JSON in, a line with the mark out. What a run prints goes to the
 * other's standard error.
 */
import { TextLineStream } from "../display/text_line_stream.ts";
import { useBackend } from "../kernels/use_backend.ts";
import { stringifyExact } from "../training/exact_json.ts";
import type { ExperimentFunction } from "./experiment_result.ts";
import { answerMark } from "./experiment_workers.ts";

const [module, threads] = Deno.args;
const answer = (value: unknown) =>
  Deno.stdout.write(new TextEncoder().encode(`${answerMark}${stringifyExact(value)}\n`));
console.log = console.info = console.error;
await useBackend({ backend: "cpu", threads: Number(threads) });
const run = (await import(module)).default as ExperimentFunction;
await answer({ ready: typeof run === "function" });
for await (
  const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
) {
  const { settings, context } = JSON.parse(line);
  try {
    await answer({ measured: await run(settings, context) });
  } catch (error) {
    await answer({ error: error instanceof Error ? error.stack ?? error.message : String(error) });
  }
}
Deno.exit();
