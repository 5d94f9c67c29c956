import { z } from "zod";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { displayable } from "../display/displayable.ts";
import { formatNumber } from "../display/format_number.ts";
import { observer } from "../display/observer.ts";
import { htmlTable, type Table, textTable } from "../display/table.ts";
import { checkArgument } from "../options/check_argument.ts";
import { parseOptions } from "../options/parse_options.ts";
import { HubError } from "../weights/hub.ts";
import { hubEnvironment } from "../weights/hub_cache.ts";
import type { ExportedRun } from "./export_run.ts";
import { type HubFile, hubFiles } from "./hub_files.ts";
import { persistentFetch } from "./persistent_fetch.ts";

/** Options of {@linkcode pushToHub}; the environment fills what is left out. */
export interface PushToHubOptions {
  /** Send it. Without, what would be sent is only shown. @default false */
  send?: boolean;
  /** Whether a new repository is seen by its owner alone. @default true */
  private?: boolean;
  /** The base model's place on the hub, where it was loaded from a folder. @default the configuration's, if it is a hub id */
  baseModel?: string;
  /** The commit's title. @default the export's title */
  message?: string;
  /** A branch that is there. @default "main" */
  revision?: string;
  /** A token with the right to write. @default HF_TOKEN, else the token that `hf auth login` saved */
  token?: string | null;
  /** Where the hub is. @default HF_ENDPOINT, else https://huggingface.co */
  endpoint?: string;
  /** Attempts after a cut, a 409, a 429 or a 5xx. @default 4 */
  retries?: number;
  /** Waits between attempts, in seconds. */
  wait?: (seconds: number) => Promise<void>;
}

/** What {@linkcode pushToHub} sent, or would send: plain data that displays as a table. */
export interface HubPush {
  /** `owner/name`. */
  repo: string;
  /** Its page. */
  url: string;
  /** By path. */
  files: Pick<HubFile, "path" | "bytes">[];
  /** In all. */
  bytes: number;
  /** What should be known before it is sent. */
  notes: string[];
  /** The commit; `null` where nothing was sent. */
  commit: string | null;
}

const pushSchema = z.strictObject({
  send: z.boolean().default(false),
  private: z.boolean().default(true),
  baseModel: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must be owner/name").optional(),
  message: z.string().min(1).optional(),
  revision: z.string().min(1).default("main"),
  token: z.custom<string | null>((value) => value === null || typeof value === "string", {
    error: "must be a text or null",
    params: { secret: true },
  }).optional(),
  endpoint: z.url().optional(),
  retries: z.int().min(0).default(4),
  wait: z.custom<(seconds: number) => Promise<void>>(
    (value) => typeof value === "function",
    { error: "must be a function" },
  ).optional(),
});

/**
 * Puts an exported run on the hub: adapter or model, a card with curves and results, and the report beside it. By itself it sends
 * nothing and shows what would go, with sizes; `{ send: true }` sends it as one commit to a repository that is made where it is missing,
 * seen by its owner alone. What was uploaded before a cut is not uploaded again. The token goes to the hub only, and is in no message.
 *
 * Files are held in memory while they are sent.
 *
 * @param run what `exportRun` returned, or its folder
 * @throws {HubError} for a bad name, a missing or refused token, or a transfer that fails
 * @example
 * ```ts ignore
 * import { pushToHub } from "../../mod.ts";
 * await pushToHub("me/demo", "results/demo"); // shows what would be sent
 * await pushToHub("me/demo", "results/demo", { send: true });
 * ```
 */
export async function pushToHub(
  repo: string,
  run: string | Pick<ExportedRun, "dir">,
  options: PushToHubOptions = {},
): Promise<HubPush> {
  const settings = parseOptions(pushSchema, options, "pushToHub");
  const dir = typeof run === "object" && run !== null ? run.dir : run;
  checkArgument("pushToHub's second argument", "path", dir);
  if (
    typeof repo !== "string" || !/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(repo) || repo.includes("..")
  ) {
    throw new HubError(
      `pushing a run: ${
        JSON.stringify(repo)
      } is no repository; expected owner/name, such as me/show-your-work`,
    );
  }
  const environment = await hubEnvironment(), { send, baseModel } = settings;
  const endpoint = settings.endpoint ?? environment.endpoint,
    token = settings.token === undefined ? environment.token : settings.token;
  const { files, notes, title } = await hubFiles(resolve(dir), { repo, baseModel });
  const push: HubPush = {
    repo,
    url: `${endpoint}/${repo}`,
    files: files.map(({ path, bytes }) => ({ path, bytes })),
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    notes: [...notes, ...(token ? [] : [withoutToken(endpoint)])],
    commit: null,
  };
  if (send) {
    if (!token) throw new HubError(`pushing to ${repo}: ${withoutToken(endpoint)}`);
    push.commit = await sent(files, { ...settings, repo, endpoint, token, title });
  }
  return displayable(push, {
    text: (shown) => textTable(table(shown)),
    html: (shown) => htmlTable(table(shown)),
  });
}

const withoutToken = (endpoint: string) =>
  `The hub wants a token with the right to write: make one at ${endpoint}/settings/tokens and set HF_TOKEN.`;

interface Sending extends z.output<typeof pushSchema> {
  repo: string;
  endpoint: string;
  token: string;
  title: string;
}

/** Makes the repository where it is missing, and commits. @returns the commit's id */
async function sent(files: HubFile[], options: Sending): Promise<string> {
  const { repo, endpoint, token, title, retries, revision } = options;
  const { wait = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds)) } = options;
  const scrub = (text: string) => text.replaceAll(token, "…"), doing = `pushing to ${repo}`;
  const { commitIter, createRepo, HubApiError } = await import("@huggingface/hub");
  const { fetch, failure } = persistentFetch({
    doing,
    retries,
    wait,
    scrub,
    refused: (status) => refused(options, status),
  });
  const place = { repo: { type: "model" as const, name: repo }, accessToken: token, hubUrl: endpoint, fetch };
  const view = observer().view({ title: `Pushing to ${repo}`, total: files.length, unit: "files" });
  const send = async () => {
    try {
      await createRepo({ ...place, visibility: options.private ? "private" : "public" });
    } catch (error) {
      if (!(error instanceof HubApiError && error.statusCode === 409)) throw error;
      view.note(`${repo} is there already; files of the same names are replaced`);
    }
    const operations = await Promise.all(files.map(async ({ path, from }) => ({
      operation: "addOrUpdate" as const,
      path,
      content: new Blob(["text" in from ? from.text : await readFile(from.file)]),
    })));
    const done = new Set<string>(),
      events = commitIter({ ...place, operations, title: options.message ?? title, branch: revision });
    for (;;) {
      const { value, done: over } = await events.next();
      if (over) return value!.commit.oid;
      if (value.event !== "fileProgress" || value.state !== "uploading" || value.progress < 1) continue;
      view.update({ step: done.add(value.path).size });
    }
  };
  let ended = "failed";
  try {
    const commit = await Promise.race([send(), failure]);
    ended = "finished";
    return commit;
  } catch (error) {
    if (error instanceof HubError) throw error;
    throw new HubError(`${doing}: ${scrub(error instanceof Error ? error.message : String(error))}`);
  } finally {
    await view.end(ended);
  }
}

function refused({ repo, endpoint }: Pick<Sending, "repo" | "endpoint">, status: number): string {
  return `the hub refused the token (${status}). It needs the right to write to ${
    repo.split("/")[0]
  }'s repositories: make one at ${endpoint}/settings/tokens and set HF_TOKEN`;
}

function table({ repo, url, files, bytes, notes, commit }: HubPush): Table {
  const size = (count: number) =>
    count < 1e6 ? `${formatNumber(count / 1e3)} kB` : `${formatNumber(count / 1e6)} MB`;
  return {
    title: commit ? `Sent to ${url}` : `Would be sent to ${repo}`,
    columns: ["file", "size"],
    rows: [...files.map(({ path, bytes }) => [path, size(bytes)]), [`${files.length} files`, size(bytes)]],
    notes: [...notes, commit ? `Commit ${commit}.` : "Nothing was sent: { send: true } sends it."],
  };
}
