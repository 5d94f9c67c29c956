// deno-lint-ignore-file no-explicit-any -- the document of a browser, and playwright, whose types stay apart with it
import { createRequire } from "node:module";
import { join } from "node:path";
import { installKernel, installPlotly } from "../../lib/tasks/environment.ts";
import { npmPackage } from "../npm_package.ts";

const python = Deno.env.get("SHOWWORK_PYTHON");
const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
});

/** Why no browser can be driven here, `null` where one can. */
export const missing: string | null = !python
  ? "needs a Python with jupyterlab: set SHOWWORK_PYTHON to its path"
  : !chromium
  ? "needs Chromium (Debian: apt-get install chromium)"
  : null;

export type Page = any;

/** A browser that reaches nothing but this machine; what else was asked for is in `refused`. */
export async function openBrowser(): Promise<
  { newPage(): Promise<Page>; refused: string[]; close(): Promise<void> }
> {
  const folder = await npmPackage("playwright-core@1.65.1");
  const { chromium: driver } = createRequire(join(folder, "package.json"))(folder);
  const browser = await driver.launch({
    executablePath: chromium,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const context = await browser.newContext({ viewport: { width: 1400, height: 1000 } }),
    refused: string[] = [];
  await context.route("**/*", (route: any) => {
    const url = new URL(route.request().url());
    if (
      url.protocol === "file:" || url.protocol === "data:" || url.protocol === "blob:" ||
      url.hostname === "127.0.0.1"
    ) {
      return route.continue();
    }
    refused.push(url.href);
    return route.abort();
  });
  return { newPage: () => context.newPage(), refused, close: () => browser.close() };
}

/** JupyterLab with the Deno kernel on a folder of its own, and the address of a notebook in it. */
export async function startLab(
  folder: string,
): Promise<{ url(notebook: string): string; stop(): Promise<void> }> {
  const own = join(folder, ".jupyter"), port = freePort(), token = crypto.randomUUID();
  await installKernel(own);
  await installPlotly(own);
  const child = new Deno.Command(python!, {
    args: [
      "-m",
      "jupyterlab",
      "--no-browser",
      "--allow-root",
      `--ServerApp.root_dir=${folder}`,
      `--ServerApp.port=${port}`,
      "--ServerApp.port_retries=0",
      `--IdentityProvider.token=${token}`,
      "--LabApp.expose_app_in_browser=True",
      "--LabApp.news_url=None",
    ],
    cwd: folder,
    env: {
      JUPYTER_PATH: join(own, "share", "jupyter"),
      JUPYTER_CONFIG_DIR: join(own, "config"),
      JUPYTER_DATA_DIR: join(own, "data"),
      JUPYTER_RUNTIME_DIR: join(own, "runtime"),
      JUPYTERLAB_SETTINGS_DIR: join(own, "settings"),
      JUPYTERLAB_WORKSPACES_DIR: join(own, "workspaces"),
    },
    stdout: "null",
    stderr: "null",
  }).spawn();
  const stop = async () => {
    child.kill("SIGTERM");
    await child.status;
  };
  const address = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 120; tries++) {
    const ready = await fetch(`${address}/api?token=${token}`).then(
      async (reply) => (await reply.text(), reply.ok),
      () => false,
    );
    if (ready) return { url: (notebook) => `${address}/lab/tree/${notebook}?token=${token}`, stop };
    await new Promise((done) => setTimeout(done, 250));
  }
  await stop();
  throw new Error("JupyterLab did not answer within 30 s");
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A notebook of these cells. */
export function notebookOf(cells: string[]): string {
  return JSON.stringify({
    cells: cells.map((source, i) => ({
      cell_type: "code",
      id: `cell-${i}`,
      metadata: {},
      source,
      outputs: [],
      execution_count: null,
    })),
    metadata: { kernelspec: { name: "deno", display_name: "Deno", language: "typescript" } },
    nbformat: 4,
    nbformat_minor: 5,
  });
}

/** Writes a notebook's page beside it, as `deno task demo` does. */
export async function notebookPage(notebook: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(python!, {
    args: ["-m", "nbconvert", "--to", "html", "--log-level", "ERROR", notebook],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** The least contrast (WCAG) of any text in the tables and links of a page's outputs with what lies behind it. */
export function leastContrast(
  page: Page,
  of = ".jp-OutputArea td, .jp-OutputArea th, .jp-OutputArea a",
): Promise<number> {
  return page.evaluate((of: string) => {
    const dom = globalThis as any;
    const channels = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = ([r, g, b]: number[]) => {
      const linear = [r, g, b].map((value) => value / 255).map((v) =>
        v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
      );
      return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    let least = Infinity;
    for (
      const cell of dom.document.querySelectorAll(of)
    ) {
      if (!cell.textContent.trim()) continue;
      let behind = [255, 255, 255];
      for (let node = cell; node; node = node.parentElement) {
        const [r, g, b, alpha = 1] = channels(dom.getComputedStyle(node).backgroundColor);
        if (alpha < 0.5) continue;
        behind = [r, g, b];
        break;
      }
      const two = [luminance(channels(dom.getComputedStyle(cell).color)), luminance(behind)].sort((a, b) =>
        b - a
      );
      least = Math.min(least, (two[0] + 0.05) / (two[1] + 0.05));
    }
    return least;
  }, of);
}
