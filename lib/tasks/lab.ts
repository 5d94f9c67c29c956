/**
 * `deno task lab`: JupyterLab on the notebooks, with the same environment and kernel as `deno task demo`. What stands after
 * `deno task lab` goes to JupyterLab, such as `--no-browser` or `--port 8890`; a notebook among it is opened,
 * else a copy of `show_your_work.ipynb` in `my_notebooks/`, which git ignores.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { PlainError } from "../display/plain_error.ts";
import { notebookEnvironment, projectRoot } from "./environment.ts";

/** Starts JupyterLab and returns its exit status when a person ends it. */
async function lab(args: string[]): Promise<number> {
  const { python, env } = await notebookEnvironment();
  const named = args.find((argument) => argument.endsWith(".ipynb")),
    notebook = named ?? await ownNotebooks("show_your_work.ipynb");
  const child = new Deno.Command(python, {
    args: [
      "-m",
      "jupyterlab",
      `--ServerApp.root_dir=${projectRoot}`,
      `--LabApp.default_url=/lab/tree/${notebook}`,
      "--MultiKernelManager.default_kernel_name=deno",
      // root is who one is in a container or on Colab
      ...(Deno.build.os !== "windows" && Deno.uid() === 0 ? ["--allow-root"] : []),
      ...args.filter((argument) => argument !== named),
    ],
    cwd: join(projectRoot, dirname(notebook)),
    env,
  }).spawn();
  // Ctrl-C reaches JupyterLab from the terminal itself, which asks back; any other end of this task is JupyterLab's end too.
  const end = () => child.kill("SIGTERM");
  Deno.addSignalListener("SIGINT", () => Deno.stdin.isTerminal() || end());
  if (Deno.build.os !== "windows") {
    for (const signal of ["SIGTERM", "SIGHUP"] as const) Deno.addSignalListener(signal, end);
  }
  return (await child.status).code;
}

/**
 * Copies of the notebooks to work in, beside them so that their paths hold: JupyterLab saves what is open by itself, and the
 * repository would never be clean. A copy that is there is kept.
 */
async function ownNotebooks(first: string): Promise<string> {
  const from = join(projectRoot, "notebooks"), to = join(projectRoot, "my_notebooks");
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    if (!name.endsWith(".ipynb")) continue;
    const kept = await Deno.lstat(join(to, name)).then(() => true, () => false);
    if (!kept) await Deno.copyFile(join(from, name), join(to, name));
  }
  return `my_notebooks/${first}`;
}

if (import.meta.main) {
  try {
    Deno.exit(await lab(Deno.args));
  } catch (error) {
    if (!(error instanceof PlainError)) throw error;
    console.error(error.message);
    Deno.exit(1);
  }
}
