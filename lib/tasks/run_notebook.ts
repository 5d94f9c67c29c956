import { formatDuration } from "../display/format_number.ts";
import { PlainError } from "../display/plain_error.ts";
import { packagedFile } from "../backend/package_files.ts";
import type { NotebookEnvironment } from "./environment.ts";

/** A notebook did not run to its end. The message names the cell; the partial notebook is saved. */
export class NotebookError extends PlainError {
  override name = "NotebookError";
}

/** Options of {@linkcode runNotebook}. */
export interface RunNotebookOptions {
  notebook: string;
  /** Where the executed notebook goes. */
  output: string;
  environment: NotebookEnvironment;
  /** Seconds a cell may take. @default 3600 */
  timeout?: number;
  /** Where progress is shown. @default the terminal */
  terminal?: { write(text: string): void; columns: number | null };
}

/** What `run_notebook.py` says. */
type RunnerEvent =
  | { event: "start"; cells: number }
  | { event: "cell"; number: number; of: number; title: string }
  | { event: "done"; number: number; seconds: number }
  | { event: "stream"; name: string; text: string }
  | { event: "interrupt"; presses: number }
  | { event: "failed"; number: number; of: number; title: string; name: string; value: string; why: string }
  | { event: "unreadable"; value: string }
  | { event: "unwritable"; path: string; value: string };

/**
 * Runs a notebook top to bottom on the Deno kernel and shows what it does: each cell's name and time, what it prints, and
 * the live panels of long work as one line that changes in place. The first Ctrl-C ends the stage after its step and then
 * the run, a second ends the stage at once, a third the kernel; the executed notebook is saved in every case.
 *
 * @returns `interrupted` when it was ended by Ctrl-C
 * @throws {NotebookError} naming the cell that failed and what was thrown
 */
export async function runNotebook(options: RunNotebookOptions): Promise<"finished" | "interrupted"> {
  const { notebook, output, environment, timeout = 3600, terminal = ownTerminal() } = options;
  const runner = await packagedFile("lib/tasks/run_notebook.py");
  const child = new Deno.Command(environment.python, {
    args: [runner, notebook, output, "--timeout", String(timeout)],
    env: { ...environment.env, SHOWWORK_PROGRESS: "1", PYTHONIOENCODING: "utf-8" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    // A terminal sends Ctrl-C to the whole process group; only this process passes it on, once.
    detached: Deno.build.os !== "windows",
  }).spawn();
  const screen = new Screen(terminal), noise: string[] = [];
  let failure: NotebookError | undefined, pressed = -Infinity;
  const press = () => {
    // `deno task` passes on the signal that the terminal has already sent.
    if (performance.now() - pressed < 500) return;
    pressed = performance.now();
    child.kill("SIGINT");
  };
  Deno.addSignalListener("SIGINT", press);
  try {
    await Promise.all([
      eachLine(child.stdout, (line) => {
        failure = screen.show(JSON.parse(line) as RunnerEvent, { output, noise }) ?? failure;
      }),
      eachLine(child.stderr, (line) => {
        if (/[█░]/.test(line)) screen.progress(line);
        else noise.push(line);
      }),
    ]);
    const { code } = await child.status;
    if (code === 130) return "interrupted";
    if (code !== 0) {
      throw failure ??
        new NotebookError(
          `Running ${notebook}: its runner must end well, but it ended with ${code}:\n${
            noise.slice(-12).join("\n")
          }`,
        );
    }
    return "finished";
  } finally {
    Deno.removeSignalListener("SIGINT", press);
    screen.clear();
  }
}

/** One line that changes in place below lines that stay; without a terminal, a progress line every ten seconds. */
class Screen {
  #drawn = false;
  #said = -Infinity;
  #started = 0;
  constructor(private readonly terminal: { write(text: string): void; columns: number | null }) {}

  progress(line: string): void {
    const { columns } = this.terminal;
    if (columns === null) {
      if (performance.now() - this.#said < 10_000 && !/ after \d/.test(line)) return;
      this.#said = performance.now();
      return this.terminal.write(`      ${line}\n`);
    }
    this.terminal.write(`\r\x1b[2K      ${[...line].slice(0, columns - 7).join("")}`);
    this.#drawn = true;
    if (/ after \d/.test(line)) this.#end();
  }

  clear(): void {
    if (this.#drawn) this.terminal.write("\r\x1b[2K");
    this.#drawn = false;
  }

  #end(): void {
    if (this.#drawn) this.terminal.write("\n");
    this.#drawn = false;
  }

  #line(text: string): void {
    this.clear();
    this.terminal.write(`${text}\n`);
  }

  show(
    event: RunnerEvent,
    { output, noise }: { output: string; noise: string[] },
  ): NotebookError | undefined {
    switch (event.event) {
      case "cell":
        this.#started = performance.now();
        return void this.#line(`[${event.number}/${event.of}] ${event.title}`);
      case "done":
        return event.seconds >= 1 ? void this.#line(`      ${formatDuration(event.seconds)}`) : undefined;
      case "stream":
        return void this.#line(event.text.trimEnd().split("\n").map((line) => `      ${line}`).join("\n"));
      case "interrupt":
        return void this.#line(
          event.presses === 1
            ? "      Stopping after this step and saving; press Ctrl-C again to end at once."
            : event.presses === 2
            ? "      Ending the cell; press Ctrl-C again to end the kernel."
            : "      Ending the kernel.",
        );
      case "failed": {
        const seconds = formatDuration((performance.now() - this.#started) / 1000);
        const why = event.why === "dead" && noise.length
          ? `${event.value}\n${noise.slice(-6).join("\n")}`
          : event.value;
        return new NotebookError(
          `Cell ${event.number} of ${event.of} (${event.title}) failed after ${seconds}:\n${
            `${event.name ? `${event.name}: ` : ""}${plain(why)}`.split("\n").map((line) => `  ${line}`).join(
              "\n",
            )
          }\nThe notebook as far as it came is ${output}`,
        );
      }
      case "unreadable":
        return new NotebookError(
          `Reading the notebook: it must be a Jupyter notebook of version 4 (${event.value})`,
        );
      case "unwritable":
        return new NotebookError(
          `Cannot write '${event.path}': its folder must be writable (${event.value}). Choose another with --output`,
        );
    }
  }
}

/** Without colours and without the stack, which in a kernel holds only paths of its own. */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*m/g, "").replace(/\n {4}at [^\n]*/g, "").trim();
}

function ownTerminal() {
  const columns = Deno.stdout.isTerminal() ? Deno.consoleSize().columns || 80 : null;
  return { columns, write: (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(text)) };
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  use: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line.trim()) use(line);
  }
  if (rest.trim()) use(rest);
}
