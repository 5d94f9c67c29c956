/** Servers that answer as W&B's and Trackio's do to what their Python clients send (wandb 0.31 and trackio 0.43, recorded), and keep what they got. */

export interface LocalService extends AsyncDisposable {
  url: string;
  /** Answers to come with this status, each used up by one request. */
  faults: number[];
  /** Headers and body of every request. */
  requests: { path: string; authorization: string | null; writeToken: string | null; body: Body }[];
}

// deno-lint-ignore no-explicit-any
type Body = any;

function serve(answer: (path: string, body: Body) => Response): LocalService {
  const state = { faults: [] as number[], requests: [] as LocalService["requests"] };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url), body = await request.json(), { headers } = request;
    state.requests.push({
      path: pathname,
      authorization: headers.get("authorization"),
      writeToken: headers.get("x-trackio-write-token"),
      body,
    });
    const fault = state.faults.shift();
    return fault ? new Response("out of order", { status: fault }) : answer(pathname, body);
  });
  return Object.assign(state, {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  });
}

/** A run as W&B keeps it. */
export interface WandbRun {
  config: Record<string, { value: unknown }>;
  history: Record<string, unknown>[];
  exitcode: number | null;
}

/** W&B's two ways in: GraphQL, and a stream of a run's files. */
export function localWandb(): LocalService & { runs: Map<string, WandbRun> } {
  const runs = new Map<string, WandbRun>();
  const service = serve((path, body) => {
    if (path === "/graphql") {
      const { name, project, entity, config } = body.variables;
      if (body.query.includes("RunResumeStatus")) {
        const run = runs.get(name), tail = run?.history.slice(-5).map((line) => JSON.stringify(line));
        const bucket = run && { historyLineCount: run.history.length, historyTail: JSON.stringify(tail) };
        return Response.json({ data: { model: runs.size ? { bucket: bucket ?? null } : null } });
      }
      const run = runs.get(name) ?? { config: {}, history: [], exitcode: null };
      runs.set(name, { ...run, config: JSON.parse(config) });
      const held = { project: { name: project, entity: { name: entity ?? "me" } } };
      return Response.json({ data: { upsertBucket: { bucket: held, inserted: true } } });
    }
    const [, , , , name, kind] = path.split("/"), run = runs.get(name);
    if (kind !== "file_stream" || !run) return new Response("no such run", { status: 404 });
    const { "wandb-history.jsonl": history } = body.files;
    if (history) {
      const lines = history.content.map((line: string) => JSON.parse(line));
      run.history.splice(history.offset, lines.length, ...lines);
    }
    if (body.complete) run.exitcode = body.exitcode;
    return Response.json({ limits: {} });
  });
  return Object.assign(service, { runs });
}

/** Trackio's `bulk_log`, which takes every `log_id` once. */
export function localTrackio(): LocalService & { logs: Map<string, Body> } {
  const logs = new Map<string, Body>();
  const service = serve((path, { kwargs }) => {
    if (path !== "/api/bulk_log") return Response.json({ error: "Unknown API" }, { status: 404 });
    for (const log of kwargs.logs) if (!logs.has(log.log_id)) logs.set(log.log_id, log);
    return Response.json({ data: null });
  });
  return Object.assign(service, { logs });
}
