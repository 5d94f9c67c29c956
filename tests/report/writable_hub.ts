import { createHash } from "node:crypto";

/** What a request wants of the hub. */
export type HubAction = "create" | "preupload" | "batch" | "upload" | "commit";

/** A hub on this machine that takes what is pushed to it. */
export interface WritableHub {
  endpoint: string;
  /** What was asked for, in order, with the token that came along. */
  requests: { action: HubAction; token: string | null }[];
  /** Repositories: whether they are private, their commits' titles, and their files. */
  repos: Map<string, { private: boolean; commits: string[]; files: Map<string, Uint8Array> }>;
}

/** Steps in for an answer; `count` is how often the action was asked for, from 1. */
export type Interruption = (action: HubAction, count: number) => Response | "cut" | undefined;

const large = (path: string) => /\.(safetensors|png)$/.test(path);

/** Speaks the hub's protocol for pushing, with a storage server of another origin for large files, which are held to their SHA-256. */
export async function withWritableHub(
  interrupt: Interruption,
  use: (hub: WritableHub) => Promise<void>,
): Promise<void> {
  const requests: WritableHub["requests"] = [], repos: WritableHub["repos"] = new Map();
  const stored = new Map<string, Uint8Array>(), token = "hf_secret_of_the_test";
  const step = (action: HubAction, request: Request) => {
    requests.push({ action, token: request.headers.get("authorization") });
    return interrupt(action, requests.filter((one) => one.action === action).length);
  };
  /** A connection that ends in the middle of its answer. */
  const cut = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode("{"));
          setTimeout(() => controller.error(new Error("cut")), 5);
        },
      }),
      { headers: { "content-type": "application/json" } },
    );
  const answer = async (action: HubAction, request: Request, make: () => Response | Promise<Response>) => {
    const stepped = step(action, request);
    if (stepped === "cut") {
      await request.body?.cancel();
      return cut();
    }
    if (stepped) return stepped;
    if (action !== "upload" && request.headers.get("authorization") !== `Bearer ${token}`) {
      return Response.json({ error: "Invalid credentials" }, { status: 401 });
    }
    return await make();
  };
  const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: () => new Response(null) };
  const storage = Deno.serve(quiet, (request) =>
    answer("upload", request, async () => {
      const oid = new URL(request.url).pathname.slice(1), bytes = new Uint8Array(await request.arrayBuffer());
      if (createHash("sha256").update(bytes).digest("hex") !== oid) {
        return new Response("checksum", { status: 400 });
      }
      stored.set(oid, bytes);
      return new Response(null, { status: 200 });
    }));
  const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(quiet, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/api/repos/create") {
      return answer("create", request, async () => {
        const { name, organization, visibility } = await request.json(), id = `${organization}/${name}`;
        if (repos.has(id)) {
          return Response.json({ error: "You already created this model repo" }, { status: 409 });
        }
        repos.set(id, { private: visibility === "private", commits: [], files: new Map() });
        return Response.json({ url: `${endpoint}/${id}`, name: id, id });
      });
    }
    if (pathname.endsWith("/objects/batch")) {
      return answer("batch", request, async () => {
        const { objects } = await request.json() as { objects: { oid: string; size: number }[] };
        return Response.json({
          transfer: "basic",
          objects: objects.map(({ oid, size }) => ({
            oid,
            size,
            ...(stored.has(oid)
              ? {}
              : { actions: { upload: { href: `http://127.0.0.1:${storage.addr.port}/${oid}` } } }),
          })),
        });
      });
    }
    const [, repo, kind] = /^\/api\/models\/([^/]+\/[^/]+)\/(preupload|commit)\/main$/.exec(pathname) ?? [];
    if (kind === "preupload") {
      return answer("preupload", request, async () => {
        const { files } = await request.json() as { files: { path: string }[] };
        return Response.json({
          files: files.map(({ path }) => ({ path, uploadMode: large(path) ? "lfs" : "regular" })),
        });
      });
    }
    if (kind === "commit") {
      return answer("commit", request, async () => {
        const held = repos.get(repo)!,
          lines = (await request.text()).split("\n").map((line) => JSON.parse(line));
        for (const { key, value } of lines) {
          if (key === "header") held.commits.push(value.summary);
          else if (key === "lfsFile") held.files.set(value.path, stored.get(value.oid)!);
          else held.files.set(value.path, Uint8Array.from(atob(value.content), (c) => c.charCodeAt(0)));
        }
        return Response.json({ commitOid: `${held.commits.length}`.padStart(40, "c"), commitUrl: "" });
      });
    }
    return new Response("unknown", { status: 404 });
  });
  const endpoint: string = `http://127.0.0.1:${server.addr.port}`;
  try {
    await use({ endpoint, requests, repos });
  } finally {
    await server.shutdown();
    await storage.shutdown();
  }
}
