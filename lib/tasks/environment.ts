import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { isCheckout, packageRoot } from "../backend/package_files.ts";
import { PlainError } from "../display/plain_error.ts";
import { plotlyExtension, plotlySource } from "../report/static_render.ts";
import { writeOutput } from "../report/write_output.ts";

/** The notebook environment could not be made. The message says what was missing and how to get it. */
export class EnvironmentError extends PlainError {
  override name = "EnvironmentError";
}

/** Where Jupyter lives. */
export interface NotebookEnvironment {
  /** The virtual environment's folder. */
  directory: string;
  /** Its Python. */
  python: string;
  /** What Jupyter's programs must be started with: all that they write stays inside `directory`. */
  env: Record<string, string>;
}

/** Options of {@linkcode notebookEnvironment}. */
export interface NotebookEnvironmentOptions {
  /** The virtual environment's folder. @default ".venv" beside `deno.json` */
  directory?: string;
  /** Told what is being done, one line at a time. @default console.error */
  say?: (line: string) => void;
}

/** The toolkit's own folder, where this is a checkout. */
const checkout = isCheckout ? fileURLToPath(packageRoot).replace(/[\\/]$/, "") : null;

/** The project's folder, absolute: the repository, or where a task was started that lies elsewhere. */
export const projectRoot: string = checkout !== null && !relative(checkout, Deno.cwd()).startsWith("..")
  ? checkout
  : Deno.cwd();

/** JupyterLab, what runs and prints notebooks, and a BLAS for machines that have none. */
const packages = ["jupyterlab>=4.2,<5", "nbclient>=0.10", "nbconvert>=7.16", "scipy-openblas32>=0.3.27"];

const windows = Deno.build.os === "windows";

/**
 * Finds or makes the Python environment that notebooks run in: `.venv` with JupyterLab, nbclient, nbconvert and
 * `scipy-openblas32`, and in it a kernel that is this very Deno. A usable one is used as it is; the user's home is never
 * touched. A Python without `venv` (Colab, Debian without `python3-venv`) is helped out by `virtualenv` or `uv`.
 *
 * @throws {EnvironmentError} when Python is missing or too old, can make no environment, or pip fails; what was there stays
 * @example
 * ```ts ignore
 * const { python, env } = await notebookEnvironment();
 * await new Deno.Command(python, { args: ["-m", "jupyterlab"], env }).spawn().status;
 * ```
 */
export async function notebookEnvironment(
  options: NotebookEnvironmentOptions = {},
): Promise<NotebookEnvironment> {
  const { directory = join(projectRoot, ".venv"), say = (line) => console.error(line) } = options;
  const python = windows ? join(directory, "Scripts", "python.exe") : join(directory, "bin", "python");
  const stamp = join(directory, "showwork.json");
  const usable = await run(python, ["-c", "import sys; print(sys.version)"]);
  const made = JSON.stringify({ packages, python: usable.ok ? usable.output.trim() : null });
  if (!usable.ok || await Deno.readTextFile(stamp).catch(() => "") !== made) {
    await make(directory, python, say);
    const { output } = await run(python, ["-c", "import sys; print(sys.version)"]);
    await Deno.writeTextFile(stamp, JSON.stringify({ packages, python: output.trim() }));
  }
  const jupyter = (part: string) => join(directory, "jupyter", part);
  try {
    await installKernel(directory);
    await installPlotly(directory);
    await Deno.mkdir(jupyter("ipython"), { recursive: true });
  } catch (error) {
    throw new EnvironmentError(
      `Installing the Deno kernel: '${directory}' must be writable (${
        (error as Error).message
      }). Change its permissions`,
    );
  }
  return {
    directory,
    python,
    env: {
      VIRTUAL_ENV: directory,
      JUPYTER_CONFIG_DIR: jupyter("config"),
      JUPYTER_DATA_DIR: jupyter("data"),
      JUPYTER_RUNTIME_DIR: jupyter("runtime"),
      JUPYTERLAB_SETTINGS_DIR: jupyter("lab/settings"),
      JUPYTERLAB_WORKSPACES_DIR: jupyter("lab/workspaces"),
      IPYTHONDIR: jupyter("ipython"),
      PYTHONNOUSERSITE: "1",
      PYTHONUNBUFFERED: "1",
    },
  };
}

/** Runs a program to its end; `found` is false when there is no such program. */
async function run(
  program: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ found: boolean; ok: boolean; output: string }> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, { args, env, stdin: "null" })
      .output();
    const text = new TextDecoder();
    return { found: true, ok: success, output: text.decode(stdout) + text.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) {
      return { found: false, ok: false, output: "" };
    }
    throw error;
  }
}

async function make(directory: string, python: string, say: (line: string) => void): Promise<void> {
  if (!(await run(python, ["-m", "pip", "--version"])).ok) {
    const system = await systemPython();
    say(`Making ${directory} for Jupyter (once).`);
    await makeVirtual(directory, system, say);
  }
  say(
    `Installing ${packages.map((name) => name.replace(/[<>=].*/, "")).join(", ")} (once, a minute or two).`,
  );
  const args = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"];
  const { ok, output } = await run(python, [...args, ...packages]);
  if (!ok) {
    throw new EnvironmentError(
      `Installing Jupyter into '${directory}': pip must be able to fetch packages, but it failed:\n${
        lastLines(output)
      }\n` +
        `Check the network or pip's settings, then run this again; what was installed is kept`,
    );
  }
}

/** Makes the virtual environment by what this machine has: Python's own `venv`, `virtualenv`, `uv`, or a `virtualenv` that pip brings. */
async function makeVirtual(directory: string, system: string, say: (line: string) => void): Promise<void> {
  const own = await run(system, ["-m", "venv", directory]);
  if (own.ok) return;
  const ways: [program: string, args: string[]][] = [
    [system, ["-m", "virtualenv", directory]],
    ["virtualenv", [directory]],
    ["uv", ["venv", "--seed", "--clear", "--python", system, directory]],
  ];
  for (const [program, args] of ways) {
    if (!(await run(program, args)).ok) continue;
    return say(
      `This Python has no venv module: ${program === system ? "virtualenv" : program} made the environment.`,
    );
  }
  const brought = await Deno.makeTempDir({ prefix: "showwork-virtualenv-" });
  try {
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", brought];
    if ((await run(system, [...pip, "virtualenv"])).ok) {
      const made = await run(system, ["-m", "virtualenv", directory], { PYTHONPATH: brought });
      if (made.ok) {
        return say("This Python has no venv module: pip brought virtualenv, which made the environment.");
      }
    }
  } finally {
    await Deno.remove(brought, { recursive: true });
  }
  throw new EnvironmentError(
    `Making the notebook environment '${directory}': Python's venv module must work, but \`${system} -m venv\` failed:\n` +
      `${lastLines(own.output)}\nand neither virtualenv nor uv is here to do without it. ` +
      "On Debian and Ubuntu: apt-get install python3-venv. Then run this again",
  );
}

/** A Python of 3.9 or later on the path. */
async function systemPython(): Promise<string> {
  let seen = "there is no `python3` on the path";
  for (const name of windows ? ["python", "python3"] : ["python3", "python"]) {
    const { found, ok, output } = await run(name, [
      "-c",
      "import sys; print('%d.%d' % sys.version_info[:2])",
    ]);
    const [, major, minor] = /^(\d+)\.(\d+)/.exec(output) ?? [];
    if (ok && (Number(major) > 3 || Number(major) === 3 && Number(minor) >= 9)) return name;
    if (found) seen = ok ? `\`${name}\` is ${output.trim()}` : `\`${name}\` does not run`;
  }
  throw new EnvironmentError(
    `Making the notebook environment: Jupyter needs Python 3.9 or later, but ${seen}. Install it ` +
      "(Debian, Ubuntu: apt-get install python3 python3-venv; macOS: xcode-select --install; Windows: python.org) and run this again. " +
      "Without Jupyter the library still works in a script: see README.md",
  );
}

const lastLines = (output: string) =>
  output.trim().split("\n").slice(-8).map((line) => `  ${line}`).join("\n");

/** Where JupyterLab serves Plotly from, so that figures are live without a network. */
export async function installPlotly(directory: string): Promise<void> {
  const file = join(directory, "share", "jupyter", "labextensions", ...plotlyExtension.split("/"));
  if (await Deno.stat(file).then(() => true, () => false)) return;
  await Deno.mkdir(dirname(file), { recursive: true });
  await writeOutput(file, await plotlySource());
}

/** The kernel is the Deno that runs now, wherever it was started from: under npx it lies in npm's cache. */
export async function installKernel(directory: string): Promise<void> {
  const folder = join(directory, "share", "jupyter", "kernels", "deno");
  const spec = {
    argv: [Deno.execPath(), "jupyter", "--kernel", "--conn", "{connection_file}"],
    display_name: "Deno",
    language: "typescript",
    interrupt_mode: "signal",
    env: { DENO_NO_UPDATE_CHECK: "1" },
  };
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "kernel.json"), JSON.stringify(spec, null, 2) + "\n");
}
