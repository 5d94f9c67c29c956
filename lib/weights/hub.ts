import { createHash, type Hash } from "node:crypto";
import { dirname, join, relative } from "node:path";
import { PlainError } from "../display/plain_error.ts";
import { cachedSnapshot, hubEnvironment, type HubKind, repositoryFolder } from "./hub_cache.ts";
import { dataFiles, filesBelow, ggufFiles, type HubSelection, transformersFiles } from "./hub_selection.ts";

/** A model could not be fetched from the hub. */
export class HubError extends PlainError {
  /** What tells it from other errors. */
  override name = "HubError";
}

/** How far a download is. */
export interface HubProgress {
  /** The file under way. */
  file: string;
  /** Bytes of this file that are on the disk. */
  bytes: number;
  /** Its size in bytes. */
  total: number;
}

/** Options of {@linkcode downloadModel}; the environment fills what is left out. */
export interface DownloadModelOptions {
  /** A branch, a tag or a commit. @default "main" */
  revision?: string;
  /** The folder of the cache, which Python uses too. @default HF_HUB_CACHE, else HF_HOME/hub */
  cache?: string;
  /** For gated and private repositories. @default HF_TOKEN, else the token that `hf auth login` saved */
  token?: string | null;
  /** Where the hub is. @default HF_ENDPOINT, else https://huggingface.co */
  endpoint?: string;
  /** Use only what the cache holds. @default HF_HUB_OFFLINE */
  offline?: boolean;
  /** Called as bytes arrive. */
  onProgress?: (progress: HubProgress) => void;
  /** `false` leaves the weights out: enough to know what a model is and what it takes. @default true */
  weights?: boolean;
  /** Attempts after a cut, a 429 or a 5xx. @default 4 */
  retries?: number;
  /** Waits between attempts, in seconds. */
  wait?: (seconds: number) => Promise<void>;
  /** Where Kaggle mounts models. @default "/kaggle/input" */
  kaggle?: string;
}

interface Client {
  id: string;
  /** Where its files are at the endpoint: the id, behind `datasets/` for a data set. */
  path: string;
  endpoint: string;
  token: string | null;
  retries: number;
  wait: (seconds: number) => Promise<void>;
}

/**
 * Fetches a model's files from the hub into the cache that Python's `huggingface_hub` uses, and returns its snapshot folder.
 *
 * Files that are there, whoever fetched them, are not fetched again; a partial file goes on where it ended; each is held to its size
 * and to the checksum that its ETag is (SHA-256 for large files, git's SHA-1 for small ones) before it counts. On Kaggle a
 * model of that name among the inputs comes first. Without a network the cached snapshot is used.
 *
 * @param id `google/gemma-3-270m-it`
 * @throws {HubError} for a bad name, a model that is gated, missing or has no safetensors, or a transfer that fails
 * @example
 * ```ts ignore
 * import { downloadModel } from "./hub.ts";
 * const directory = await downloadModel("google/gemma-3-270m-it", { onProgress: console.log });
 * ```
 */
export function downloadModel(id: string, options: DownloadModelOptions = {}): Promise<string> {
  return download(id, transformersFiles({ weights: options.weights ?? true }), options);
}

/**
 * The same for one GGUF file of a repository, or all parts of a split one; returns the file's path.
 *
 * @param id `owner/name`
 * @param file its path in the repository
 */
export async function downloadGguf(
  id: string,
  { file, ...options }: DownloadModelOptions & { file: string },
): Promise<string> {
  if (!/^[\w][\w./-]*\.gguf$/.test(file) || file.includes("..")) {
    throw new HubError(`fetching ${id}: ${JSON.stringify(file)} is no path of a GGUF file`);
  }
  return join(await download(id, ggufFiles(file), options), file);
}

/** Which part of a data set is wanted. */
export interface DownloadDatasetOptions extends Omit<DownloadModelOptions, "weights"> {
  /** A configuration, such as `main` or a language. @default the only one */
  config?: string;
  /** Its part, such as `train` or `test`. @default "train" */
  split?: string;
}

/**
 * The same for a data set: fetches the files of one split and returns their paths, in order.
 *
 * @param id `openai/gsm8k`
 * @throws {HubError} when the repository has no file of that configuration and split
 * @example
 * ```ts ignore
 * import { downloadDataset } from "./hub.ts";
 * const [file] = await downloadDataset("openai/gsm8k", { config: "main", split: "test" });
 * ```
 */
export async function downloadDataset(
  id: string,
  { config, split = "train", ...options }: DownloadDatasetOptions = {},
): Promise<string[]> {
  const selection = dataFiles({ config, split });
  const snapshot = await download(id, selection, options, "datasets");
  return selection.choose(await filesBelow(snapshot)).sort().map((name) => join(snapshot, name));
}

async function download(
  id: string,
  selection: HubSelection,
  options: DownloadModelOptions,
  kind: HubKind = "models",
): Promise<string> {
  const environment = await hubEnvironment(),
    { revision = "main", onProgress = () => {}, kaggle = "/kaggle/input" } = options;
  const { cache, token, endpoint, offline } = { ...environment, ...defined(options) };
  if (!/^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)?$/.test(id) || id.includes("..")) {
    throw new HubError(
      `fetching a ${kind === "models" ? "model" : "data set"}: ${JSON.stringify(id)} is no ${
        kind === "models" ? "model id" : "id"
      }; expected owner/name, such as google/gemma-3-270m-it`,
    );
  }
  if (!/^[\w][\w./-]*$/.test(revision) || revision.includes("..")) {
    throw new HubError(
      `fetching ${id}: ${JSON.stringify(revision)} is no revision; expected a branch, a tag or a commit`,
    );
  }
  const input = kind === "models" ? await kaggleInput(kaggle, { id, selection }) : null;
  if (input) return input;
  const have = await cachedSnapshot(cache, id, { revision, selection, kind });
  if (offline) {
    if (have) return have;
    throw new HubError(
      `fetching ${id}: HF_HUB_OFFLINE is set and ${cache} holds no whole copy of revision ${revision}; unset it, or give a directory`,
    );
  }
  const { retries = 4, wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds)) } =
    options;
  const path = kind === "models" ? id : `${kind}/${id}`;
  const client: Client = { id, path, endpoint, token: token ?? null, retries, wait };

  let listing: Response;
  try {
    listing = await request(client, `${endpoint}/api/${kind}/${id}/revision/${encodeURIComponent(revision)}`);
  } catch (error) {
    if (have && error instanceof HubError && error.cause !== undefined) return have;
    throw error;
  }
  const { sha, siblings = [] } = await listing.json().catch(() => ({})) as {
    sha?: unknown;
    siblings?: { rfilename: string }[];
  };
  if (typeof sha !== "string" || !/^[0-9a-f]{40}$/.test(sha)) {
    throw new HubError(`fetching ${id}: ${endpoint} names no commit for revision ${revision}`);
  }
  const fetched = selection.choose(
    siblings.map(({ rfilename }) => rfilename).filter((name) =>
      typeof name === "string" && !name.includes("..") && !name.startsWith("/")
    ),
  ).sort();
  if (fetched.length === 0) throw new HubError(`fetching ${id}: ${selection.lacking}`);
  const folder = repositoryFolder(cache, id, kind), snapshot = join(folder, "snapshots", sha);
  for (const name of fetched) await fetchFile(client, { name, sha, folder, snapshot, onProgress });
  if (revision !== sha) {
    await Deno.mkdir(dirname(join(folder, "refs", revision)), { recursive: true });
    await Deno.writeTextFile(join(folder, "refs", revision), sha);
  }
  return snapshot;
}

interface FileRequest {
  name: string;
  sha: string;
  folder: string;
  snapshot: string;
  onProgress: (progress: HubProgress) => void;
}

async function fetchFile(
  client: Client,
  { name, sha, folder, snapshot, onProgress }: FileRequest,
): Promise<void> {
  const path = join(snapshot, name), url = `${client.endpoint}/${client.path}/resolve/${sha}/${name}`;
  if (await size(path) !== null) return;
  const head = await request(client, url, { method: "HEAD" });
  const etag = (head.headers.get("x-linked-etag") ?? head.headers.get("etag") ?? "").replace(/^W\//, "")
    .replaceAll('"', "");
  const total = Number(head.headers.get("x-linked-size") ?? head.headers.get("content-length") ?? NaN);
  if (!/^[0-9a-zA-Z_-]{8,128}$/.test(etag) || !(Number.isSafeInteger(total) && total >= 0)) {
    throw new HubError(
      `fetching ${client.id}: the answer for ${name} has no usable ETag and size (${
        etag || "none"
      }, ${total})`,
    );
  }
  const blob = join(folder, "blobs", etag), partial = `${blob}.incomplete`;
  await Deno.mkdir(dirname(blob), { recursive: true });
  if (await size(blob) === null) {
    await transfer(client, { name, url, partial, total, onProgress });
    const found = await checksum(partial, etag, total);
    if (found !== null && found !== etag) {
      await Deno.remove(partial);
      throw new HubError(
        `fetching ${client.id}: ${name} has the checksum ${found}, the hub says ${etag}; the partial file was removed, fetch again`,
      );
    }
    await Deno.rename(partial, blob);
  }
  await Deno.mkdir(dirname(path), { recursive: true });
  // Windows mostly forbids links; there the file itself stands in the snapshot, as with Python.
  await Deno.symlink(relative(dirname(path), blob), path).catch(() => Deno.copyFile(blob, path));
}

async function transfer(
  client: Client,
  { name, url, partial, total, onProgress }: {
    name: string;
    url: string;
    partial: string;
    total: number;
    onProgress: FileRequest["onProgress"];
  },
): Promise<void> {
  for (let attempt = 0;; attempt++) {
    let bytes = await size(partial) ?? 0;
    if (bytes > total) {
      await Deno.remove(partial);
      bytes = 0;
    }
    if (bytes === total && total > 0) return;
    let why = "";
    try {
      const response = await request(client, url, { headers: bytes > 0 ? { range: `bytes=${bytes}-` } : {} });
      const resumed = response.status === 206 &&
        response.headers.get("content-range")?.startsWith(`bytes ${bytes}-`);
      if (!resumed) bytes = 0;
      using file = await Deno.open(partial, {
        write: true,
        create: true,
        append: resumed,
        truncate: !resumed,
      });
      for await (const chunk of response.body ?? []) {
        if (bytes + chunk.length > total) {
          throw new HubError(`fetching ${client.id}: ${name} is longer than the ${total} bytes announced`);
        }
        for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
        onProgress({ file: name, bytes: bytes += chunk.length, total });
      }
      await file.sync();
      if (bytes === total) return;
      why = `it ended at byte ${bytes} of ${total}`;
    } catch (error) {
      if (error instanceof HubError) throw error;
      why = error instanceof Error ? error.message : `${error}`;
    }
    if (attempt >= client.retries) {
      throw new HubError(
        `fetching ${client.id}: ${name} was cut ${
          attempt + 1
        } times (${why}); what came is kept, call again to go on`,
        { cause: why },
      );
    }
    await client.wait(2 ** attempt);
  }
}

/** One request with bounded redirects and retries; the token goes only to the endpoint itself. */
async function request(
  client: Client,
  start: string,
  { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  const { id, endpoint, token } = client;
  for (let attempt = 0;; attempt++) {
    let url = start, response: Response | null = null, failure: unknown = null;
    for (let hop = 0; hop <= 5; hop++) {
      const own = new URL(url).origin === new URL(endpoint).origin;
      try {
        response = await fetch(url, {
          method,
          redirect: "manual",
          // No compression: sizes and ranges count the bytes of the file.
          headers: {
            ...headers,
            "accept-encoding": "identity",
            ...(token && own ? { authorization: `Bearer ${token}` } : {}),
          },
        });
      } catch (error) {
        failure = error;
        break;
      }
      const target = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || !target) break;
      // The hub answers HEAD for a large file with its size and ETag and a redirect to storage, which knows neither.
      if (method === "HEAD" && new URL(target, url).origin !== new URL(endpoint).origin) break;
      await response.body?.cancel();
      if (hop === 5) throw new HubError(`fetching ${id}: ${start} redirects more than 5 times`);
      url = new URL(target, url).href;
      if (!/^https?:/.test(url)) {
        throw new HubError(`fetching ${id}: ${start} redirects to ${url}, which is not http`);
      }
    }
    const status = response?.status ?? 0;
    if (response && status < 400) return response;
    await response?.body?.cancel();
    if (status === 401 || status === 403) throw new HubError(denied(client, status));
    if (status === 404) {
      throw new HubError(
        `fetching ${id}: ${start} does not exist (404); check the model's name and revision`,
      );
    }
    if (status > 0 && status !== 429 && status < 500) {
      throw new HubError(`fetching ${id}: ${start} answered ${status}`);
    }
    const why = failure instanceof Error
      ? failure.message
      : `the answer was ${status}${status === 429 ? " (too many requests)" : ""}`;
    if (attempt >= client.retries) {
      throw new HubError(`fetching ${id}: ${start} failed ${attempt + 1} times; ${why}`, { cause: why });
    }
    const after = Number(response?.headers.get("retry-after") ?? NaN);
    await client.wait(Number.isFinite(after) ? Math.min(after, 60) : 2 ** attempt);
  }
}

function denied({ id, endpoint, token }: Client, status: number): string {
  const page = `${endpoint}/${id}`;
  return token
    ? `fetching ${id}: the hub refused the token (${status}). The model is gated or private: accept its licence at ${page} with the account of this HF_TOKEN, and give the token the right to read gated repositories`
    : `fetching ${id}: the hub asks for a token (${status}). The model is gated, private or does not exist: accept its licence at ${page}, make a token at ${endpoint}/settings/tokens and set HF_TOKEN`;
}

/** The checksum of a file in the kind that its ETag is; `null` when the ETag is none. */
async function checksum(path: string, etag: string, total: number): Promise<string | null> {
  let hash: Hash;
  if (/^[0-9a-f]{64}$/.test(etag)) hash = createHash("sha256");
  else if (/^[0-9a-f]{40}$/.test(etag)) hash = createHash("sha1").update(`blob ${total}\0`);
  else return null;
  using file = await Deno.open(path);
  const buffer = new Uint8Array(1 << 20);
  for (let read; (read = await file.read(buffer)) !== null;) hash.update(buffer.subarray(0, read));
  return hash.digest("hex");
}

/** A folder below Kaggle's inputs that is called like the model and holds what is wanted; the newest version wins. */
async function kaggleInput(
  root: string,
  { id, selection }: { id: string; selection: HubSelection },
): Promise<string | null> {
  const name = id.split("/").at(-1)!.toLowerCase(), found: string[] = [];
  const walk = async (folder: string, inside: boolean, depth: number): Promise<void> => {
    if (inside && await selection.isWhole(folder)) found.push(folder);
    if (depth === 6) return;
    try {
      for await (const entry of Deno.readDir(folder)) {
        if (entry.isDirectory) {
          await walk(join(folder, entry.name), inside || entry.name.toLowerCase() === name, depth + 1);
        }
      }
    } catch {
      return;
    }
  };
  await walk(root, false, 0);
  return found.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1) ?? null;
}

async function size(path: string): Promise<number | null> {
  return await Deno.stat(path).then(({ size }) => size, () => null);
}

function defined({ cache, token, endpoint, offline }: DownloadModelOptions) {
  return Object.fromEntries(
    Object.entries({ cache, token, endpoint, offline }).filter(([, value]) => value !== undefined),
  );
}
