import { basename, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { BoundedScore } from "./bounded_score.ts";
import type { RewardFunction, RewardSample } from "./reward.ts";
import type { SandboxProgram } from "./sandbox_worker.ts";
import { TextLineStream } from "../display/text_line_stream.ts";

/** How a reward is kept apart. */
export interface SandboxedOptions {
  /** A score that takes longer is given up, and the process with it, in milliseconds. @default 1000 */
  timeoutMs?: number;
  /** The longest wait for a process to start and to load the reward, in milliseconds. @default 20000 */
  startMs?: number;
  /** Most memory of the reward's heap, in megabytes; one that needs more loses its process. @default 512 */
  memoryMb?: number;
  /** A module's export that is the reward. @default "default" */
  export?: string;
  /** Deno's flags for what it may do, such as `--allow-net=api.example.org`. @default none for a function, `--allow-read` for a module */
  permissions?: string[];
}

/** A reward in a process of its own. */
export interface SandboxedReward extends RewardFunction {
  (sample: RewardSample): Promise<number | null>;
  /** The longest that so many samples may take. */
  longestMs(samples: number): number;
  /** Processes started so far: one, and one more after each that was stopped. */
  readonly started: number;
  /** Ends the process; the next score would start another. */
  close(): Promise<void>;
  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A process that has loaded the reward. */
interface Sandbox {
  /** Sends a line and waits for the next one. */
  ask(message: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

/** A reward that cannot be loaded, however often one tries. */
class Unloadable extends Error {}

/** A function as an expression; a method's text is none without an object around it. */
function sourceOf(reward: RewardFunction): string {
  const text = Function.prototype.toString.call(reward);
  for (const source of [`(${text})`, `({ ${text} })[${JSON.stringify(reward.name)}]`]) {
    try {
      new Function(`return ${source}`);
      return source;
    } catch {
      // not this way
    }
  }
  throw new TypeError(
    `sandboxed() sends a function's text to another process, and ${
      reward.name || "this one"
    } has none (it is bound or built in); wrap it in an arrow function, or put it into a module and give its path`,
  );
}

function programOf(reward: RewardFunction | string | URL, name: string): SandboxProgram {
  if (typeof reward === "function") return { source: sourceOf(reward) };
  const url = reward instanceof URL || /^(?:https?|file|data|npm|jsr):/.test(reward)
    ? reward
    : pathToFileURL(resolve(reward));
  return { module: String(url), export: name };
}

/** Rejects when `work` takes longer; whoever calls ends the work. */
async function within<T>(ms: number, work: Promise<T>, message: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function spawn(flags: string[]): Sandbox {
  const script = new URL("./sandbox_process.ts", import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-lock", ...flags, script.href],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  child.unref();
  const writer = child.stdin.getWriter(), encoder = new TextEncoder();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
    .getReader();
  return {
    async ask(message) {
      await writer.write(encoder.encode(JSON.stringify(message) + "\n"));
      const { value, done } = await reader.read();
      if (!done) return JSON.parse(value);
      const { code, signal } = await child.status;
      throw new Error(`its process ended with ${signal ?? `code ${code}`}; it may have run out of memory`);
    },
    async stop() {
      child.ref(); // or the loop might end before the process has
      try {
        child.kill("SIGKILL");
      } catch {
        // it has ended by itself
      }
      await Promise.all([child.status, reader.cancel().catch(() => {}), writer.abort().catch(() => {})]);
    },
  };
}

/**
 * Runs a reward in a process of its own with a hard limit of time and memory, so that one that hangs (`while (true) {}`, a regular
 * expression that backtracks for ever), however synchronous, costs its own score only: the process is killed, the time-out counted by
 * `compositeReward`, and the next score starts a new one.
 *
 * A function must be self-contained: its text is sent, without the variables and imports around it. One that needs them goes into a module
 * whose path, relative to the working directory, or URL is given instead. Samples are scored one after the other; a score costs about a
 * millisecond, a start about 0.2 s. The process ends with this one, and does not keep it alive.
 *
 * (A process and not a `Worker`: Deno 2.9 cannot stop a worker's thread that is in an endless loop, denoland/deno#35657.)
 *
 * @throws {TypeError} for a function whose text says nothing: bound, or built in
 * @throws {RangeError} for limits below 1
 * @example
 * ```ts
 * import { compositeReward } from "../../mod.ts";
 * import { sandboxed } from "./sandboxed.ts";
 * const careful = sandboxed(({ completion }) => /^(\w+\s?)*$/.test(completion) ? 1 : 0, { timeoutMs: 200 });
 * const reward = compositeReward({ preset: "r3", components: { careful: { weight: 0.1, reward: careful } } });
 * ```
 */
export function sandboxed(
  reward: RewardFunction | string | URL,
  options: SandboxedOptions = {},
): SandboxedReward {
  const { timeoutMs = 1000, startMs = 20_000, memoryMb = 512, export: name = "default" } = options;
  for (const [key, value] of Object.entries({ timeoutMs, startMs, memoryMb })) {
    if (!(value >= 1)) throw new RangeError(`sandboxed() needs ${key} of at least 1, got ${value}`);
  }
  const program = programOf(reward, name), own = typeof reward === "function";
  const here = new URL(".", import.meta.url),
    permissions = options.permissions ?? (own ? [] : ["--allow-read"]);
  const readsAll = permissions.some((flag) => ["-A", "--allow-all", "-R", "--allow-read"].includes(flag));
  const flags = [
    `--v8-flags=--max-old-space-size=${Math.round(memoryMb)}`,
    // The sandbox's own files are read as any others.
    ...(here.protocol === "file:" && !readsAll ? [`--allow-read=${fileURLToPath(here)}`] : []),
    ...(own ? ["--no-config"] : []),
    ...permissions,
  ];
  let sandbox: Sandbox | null = null,
    broken: Unloadable | null = null,
    last: Promise<unknown> = Promise.resolve();
  let started = 0;

  async function stop(): Promise<void> {
    const ended = sandbox;
    sandbox = null;
    await ended?.stop();
  }

  async function start(): Promise<Sandbox> {
    started++;
    const fresh = sandbox = spawn(flags);
    const fault = await within(startMs, fresh.ask(program), `did not load within ${startMs} ms`);
    if (fault !== null) throw broken = new Unloadable(`could not be loaded: ${fault}`);
    return fresh;
  }

  async function score(sample: RewardSample): Promise<number | null> {
    if (broken) throw broken;
    try {
      const ready = sandbox ?? await start();
      const message = `timed out after ${timeoutMs} ms; its process was stopped`;
      const { score, error } = await within(timeoutMs, ready.ask(sample), message) as BoundedScore;
      if (error === undefined) return score;
      throw new Refused(error);
    } catch (error) {
      if (!(error instanceof Refused)) await stop();
      throw error;
    }
  }

  /** One after the other: a limit counts from the moment at which a score begins. */
  const queued = (sample: RewardSample) => {
    const turn = last.then(() => score(sample));
    last = turn.catch(() => {});
    return turn;
  };
  Object.defineProperty(queued, "name", {
    value: own ? reward.name || "sandboxed" : basename(String(reward)),
  });
  return Object.defineProperties(queued, {
    longestMs: { value: (samples: number) => samples * (startMs + timeoutMs) },
    started: { get: () => started },
    close: { value: stop },
    [Symbol.asyncDispose]: { value: stop },
  }) as SandboxedReward;
}

/** What the reward itself did wrong; its process is as good as before. */
class Refused extends Error {}
