import { dirname } from "node:path";
import { parseExact, stringifyExact } from "./exact_json.ts";
import type { StepMetrics } from "./run.ts";

/** How a log starts. */
export interface MetricsLogOptions {
  /**
   * The step that a run resumes from: what the file says of later steps is cut off, for they will be made again.
   * `null` starts an empty file.
   *
   * @default null
   */
  resumedStep?: number | null;
}

/** A `metrics.jsonl` that is being written. */
export interface MetricsLog {
  /** Appends one line and waits until the system has taken it. When that fails, the line is kept and goes with the next. */
  append(metrics: StepMetrics): void;
  /** Closes the file. */
  close(): void;
  /** For `using`. */
  [Symbol.dispose](): void;
}

/**
 * Streams a stage's metrics to `path`, one JSON object a line, one line a step, written out as each step ends: whatever
 * happens to the process, the steps that were made can be read. Non-finite numbers are kept ({@linkcode stringifyExact}).
 *
 * @example
 * ```ts
 * import { metricsLog } from "../../mod.ts";
 * using log = metricsLog("results/demo/metrics.jsonl", { resumedStep: 120 });
 * ```
 */
export function metricsLog(path: string, { resumedStep = null }: MetricsLogOptions = {}): MetricsLog {
  const kept = resumedStep === null ? 0 : bytesUntil(path, resumedStep);
  Deno.mkdirSync(dirname(path), { recursive: true });
  const file = Deno.openSync(path, { create: true, write: true });
  file.truncateSync(kept);
  file.seekSync(kept, Deno.SeekMode.Start);
  let open = true, written = kept, pending = "";
  const close = () => {
    if (open) file.close();
    open = false;
  };
  return {
    append(metrics) {
      pending += stringifyExact(metrics) + "\n";
      const lines = new TextEncoder().encode(pending);
      file.seekSync(written, Deno.SeekMode.Start);
      for (let at = 0; at < lines.length;) at += file.writeSync(lines.subarray(at));
      file.syncDataSync();
      written += lines.length;
      pending = "";
    },
    close,
    [Symbol.dispose]: close,
  };
}

/**
 * Reads a `metrics.jsonl` back. A last line that a kill cut short is left out; a file that does not exist holds no steps.
 *
 * @throws {SyntaxError} naming the file and the line when any other line is not JSON.
 */
export function readMetrics(path: string): StepMetrics[] {
  return wholeLines(path).map(({ text, number }) => {
    try {
      return parseExact(text) as StepMetrics;
    } catch (cause) {
      throw new SyntaxError(
        `reading metrics: line ${number} of ${path} is not JSON (${
          text.slice(0, 60)
        }); remove that line to read the others`,
        { cause },
      );
    }
  });
}

/** The lines that end in a newline, with the number of bytes up to and with it. */
function wholeLines(path: string): { text: string; number: number; end: number }[] {
  let bytes: Uint8Array;
  try {
    bytes = Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  const lines = [], decoder = new TextDecoder();
  for (let start = 0, number = 1;; number++) {
    const newline = bytes.indexOf(10, start);
    if (newline < 0) return lines;
    const text = decoder.decode(bytes.subarray(start, newline));
    if (text.trim() !== "") lines.push({ text, number, end: newline + 1 });
    start = newline + 1;
  }
}

function bytesUntil(path: string, step: number): number {
  const steps = readMetrics(path), lines = wholeLines(path);
  const later = steps.findIndex((metrics) => metrics.step > step);
  return (later < 0 ? lines.at(-1) : lines[later - 1])?.end ?? 0;
}
