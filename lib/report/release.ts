import { fileURLToPath } from "node:url";
import { isCheckout, packageRoot } from "../backend/package_files.ts";

/** Which showwork it is. */
export interface Release {
  /** The version. */
  version: string;
  /** The checkout's commit, with `+` where files were changed since; `null` for a release, or without git. */
  commit: string | null;
}

/** The toolkit's release, as a registry's version of its modules says it, else that of the checkout's `deno.json`. */
export async function version(): Promise<string> {
  const released = /@showwork\/showwork\/([^/]+)\//.exec(packageRoot.href)?.[1];
  return released ?? JSON.parse(await Deno.readTextFile(new URL("deno.json", packageRoot))).version;
}

/** Version and commit of the toolkit that runs now. */
export async function release(): Promise<Release> {
  return { version: await version(), commit: isCheckout ? await commit(fileURLToPath(packageRoot)) : null };
}

async function commit(folder: string): Promise<string | null> {
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["-C", folder, ...args],
      stdout: "piped",
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  };
  try {
    const head = await git("rev-parse", "HEAD");
    return head && `${head}${await git("status", "--porcelain", "--untracked-files=no") ? "+" : ""}`;
  } catch {
    return null; // there is no git, or it may not be run
  }
}
