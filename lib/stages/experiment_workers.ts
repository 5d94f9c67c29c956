import { PlainError } from "../display/plain_error.ts";
import { TextLineStream } from "../display/text_line_stream.ts";
import { parseExact } from "../training/exact_json.ts";
import type { Measured, Settings } from "./experiment_result.ts";

/** What an answer's line begins with; other lines are what a run printed. */
export const answerMark = "\u0002showwork experiment ";

/** A worker of an experiment failed. */
export class ExperimentWorkerError extends PlainError {
  override name = "ExperimentWorkerError";
}

/** Makes one run after another. */
export interface ExperimentWorker {
  run(settings: Settings, context: { seed: number; name: string }): Promise<Measured>;
  close(): Promise<void>;
}

/**
 * Starts processes that make runs of an experiment side by side, each with a backend and its share of the cores.
 *
 * @param module whose default export is the experiment's `run`
 * @throws {ExperimentWorkerError} when the module cannot be loaded or exports no function
 */
export async function startWorkers(module: URL, count: number): Promise<ExperimentWorker[]> {
  const script = new URL("./experiment_process.ts", import.meta.url),
    threads = Math.max(1, Math.floor(navigator.hardwareConcurrency / count));
  return await Promise.all(Array.from({ length: count }, async (): Promise<ExperimentWorker> => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--quiet", script.href, module.href, String(threads)],
      env: { OPENBLAS_NUM_THREADS: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const writer = child.stdin.getWriter(),
      lines = child.stdout.pipeThrough(new TextDecoderStream())
        .pipeThrough(new TextLineStream()).getReader();
    const next = async (): Promise<{ ready?: boolean; measured?: Measured; error?: string }> => {
      for (;;) {
        const { value, done } = await lines.read();
        if (done) {
          const { code, signal } = await child.status;
          throw new ExperimentWorkerError(
            `a worker of the experiment ended with ${signal ?? `code ${code}`}; what it said is above`,
          );
        }
        if (value.startsWith(answerMark)) {
          return parseExact(value.slice(answerMark.length)) as { ready?: boolean };
        }
        console.error(value);
      }
    };
    const close = async () => {
      await writer.close().catch(() => {});
      await child.status;
      await lines.cancel().catch(() => {});
    };
    const { ready } = await next();
    if (!ready) {
      await close();
      throw new ExperimentWorkerError(
        `starting workers: ${module.href} must export its run function as default`,
      );
    }
    return {
      async run(settings, context) {
        await writer.write(new TextEncoder().encode(`${JSON.stringify({ settings, context })}\n`));
        const { measured, error } = await next();
        if (error !== undefined) {
          throw new ExperimentWorkerError(
            `the run ${context.name}, seed ${context.seed}, failed in its worker: ${error}`,
          );
        }
        return measured!;
      },
      close,
    };
  }));
}
