import { join } from "node:path";
import type { HubSelection } from "./hub_selection.ts";

/** Where the hub's files lie and how it is reached: what `huggingface_hub` for Python reads from the environment. */
export interface HubEnvironment {
  /** `HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`. */
  cache: string;
  /** `HF_TOKEN`, else the file that `hf auth login` writes. */
  token: string | null;
  /** `HF_ENDPOINT`, else the public hub. */
  endpoint: string;
  /** `HF_HUB_OFFLINE`. */
  offline: boolean;
}

/** Reads the environment; `get` looks a variable up. */
export async function hubEnvironment(
  get: (name: string) => string | undefined = (name) => Deno.env.get(name),
): Promise<HubEnvironment> {
  const user = get("HOME") ?? get("USERPROFILE") ?? ".";
  const home = get("HF_HOME") || join(get("XDG_CACHE_HOME") || join(user, ".cache"), "huggingface");
  const saved = await Deno.readTextFile(get("HF_TOKEN_PATH") || join(home, "token")).catch(() => "");
  return {
    cache: get("HF_HUB_CACHE") || join(home, "hub"),
    token: (get("HF_TOKEN") || saved).trim() || null,
    endpoint: (get("HF_ENDPOINT") || "https://huggingface.co").replace(/\/+$/, ""),
    offline: /^(1|on|yes|true)$/i.test(get("HF_HUB_OFFLINE") ?? ""),
  };
}

/** What a repository of the hub holds. */
export type HubKind = "models" | "datasets";

/** The folder of a repository below the cache: `models--google--gemma-3-270m-it`. */
export function repositoryFolder(cache: string, id: string, kind: HubKind = "models"): string {
  return join(cache, `${kind}--${id.replaceAll("/", "--")}`);
}

/**
 * The snapshot that a cache holds of a revision (a branch, a tag or a commit), whoever downloaded it; `null` without one that has all
 * that is wanted.
 */
export async function cachedSnapshot(
  cache: string,
  id: string,
  { revision, selection, kind }: { revision: string; selection: HubSelection; kind?: HubKind },
): Promise<string | null> {
  const folder = repositoryFolder(cache, id, kind);
  const commit = await Deno.readTextFile(join(folder, "refs", revision)).then(
    (text) => text.trim(),
    () => revision,
  );
  if (!/^[0-9a-f]{6,64}$/.test(commit)) return null;
  const snapshot = join(folder, "snapshots", commit);
  return await selection.isWhole(snapshot) ? snapshot : null;
}
