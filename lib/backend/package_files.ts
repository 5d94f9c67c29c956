/**
 * The files that come with the toolkit and with the packages that it stands on, wherever it was imported from: a checkout, or a
 * registry over the network.
 */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PlainError } from "../display/plain_error.ts";

/** A file that comes with the toolkit could not be had. */
export class PackageFileError extends PlainError {
  override name = "PackageFileError";
}

/** The toolkit's own folder as a URL: `file:` in a checkout, `https:` when imported from a registry. */
export const packageRoot: URL = new URL("../../", import.meta.url);

/** Whether the toolkit lies on this machine as a checkout. */
export const isCheckout: boolean = packageRoot.protocol === "file:";

/** `require` for the npm packages of the toolkit; a module that came over the network has no place to require from. */
export const packageRequire: NodeJS.Require = createRequire(
  isCheckout ? import.meta.url : Deno.build.os === "windows" ? "file:///C:/" : "file:///",
);

/** Where this machine keeps what can be fetched again. */
function cacheFolder(): string {
  const { os } = Deno.build, home = homedir();
  const own = Deno.env.get("SHOWWORK_CACHE");
  if (own) return own;
  if (os === "windows") {
    return join(Deno.env.get("LOCALAPPDATA") ?? join(home, "AppData", "Local"), "showwork");
  }
  if (os === "darwin") return join(home, "Library", "Caches", "showwork");
  return join(Deno.env.get("XDG_CACHE_HOME") ?? join(home, ".cache"), "showwork");
}

/**
 * The path of a file that comes with the toolkit. In a checkout it is the file itself; of a toolkit from a registry it is a copy in this
 * machine's cache (`SHOWWORK_CACHE`, else the system's place for caches), fetched once a version.
 *
 * @param path relative to the toolkit's folder, such as `data/configs/demo.yaml`
 * @throws {PackageFileError} when it cannot be fetched
 */
export async function packagedFile(path: string): Promise<string> {
  const url = new URL(path, packageRoot);
  if (isCheckout) return fileURLToPath(url);
  const version = createHash("sha256").update(packageRoot.href).digest("hex").slice(0, 16);
  const target = join(cacheFolder(), version, path);
  try {
    await Deno.stat(target);
    return target;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const response = await fetch(url).catch((error) => error as Error);
  if (response instanceof Error || !response.ok) {
    const reason = response instanceof Error ? response.message : `status ${response.status}`;
    throw new PackageFileError(
      `fetching a file of the toolkit: ${url} must be reachable once, got ${reason}; check the network and run this again`,
    );
  }
  await Deno.mkdir(dirname(target), { recursive: true });
  const part = `${target}.${crypto.randomUUID()}.part`;
  await Deno.writeFile(part, await response.bytes());
  await Deno.rename(part, target); // a reader finds it whole or not at all
  return target;
}

/** A worker thread's script: a module of the toolkit, which `node:worker_threads` takes from a file or by way of a `data:` URL. */
export function workerScript(url: URL): URL {
  return url.protocol === "file:"
    ? url
    : new URL(`data:text/javascript,${encodeURIComponent(`import ${JSON.stringify(url.href)};`)}`);
}
