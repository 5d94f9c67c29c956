import { createHash } from "node:crypto";
import { join } from "node:path";
import type { DownloadModelOptions } from "../../lib/weights/hub.ts";

/** The commit and the name of the model that the local hub serves. */
export const sha = "0123456789abcdef0123456789abcdef01234567", id = "acme/tiny";

/** Files by name. */
export type HubFiles = Record<string, Uint8Array<ArrayBuffer>>;

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A small model's files: nothing that loads. */
export const contents: HubFiles = {
  "config.json": bytesOf('{"model_type":"llama"}'),
  "tokenizer.json": bytesOf('{"model":{}}'),
  "model.safetensors": Uint8Array.from({ length: 5000 }, (_, i) => i % 251),
};

const large = (name: string) => name.endsWith(".safetensors");

/** The ETag that the hub gives a file: SHA-256 for large ones, git's SHA-1 for small ones. */
export const etagOf = (name: string, files = contents) =>
  large(name)
    ? createHash("sha256").update(files[name]).digest("hex")
    : createHash("sha1").update(`blob ${files[name].length}\0`).update(files[name]).digest("hex");

/** A hub that is being served. */
export interface Hub {
  options: DownloadModelOptions & { cache: string };
  requests: { method: string; path: string; range: string | null; token: string | null; host: string }[];
}

/** Steps in for an answer; `name` is a file, or "api" for the listing. */
export type Answer = (request: Request, name: string) => Response | undefined | Promise<Response | undefined>;

/** A hub on this machine, with a storage server of another origin for large files; `answer` may step in. */
export async function withHub(
  answer: Answer,
  use: (hub: Hub) => Promise<void>,
  { files = contents, names = Object.keys(files) }: { files?: HubFiles; names?: string[] } = {},
): Promise<void> {
  const cache = await Deno.makeTempDir(), requests: Hub["requests"] = [];
  const note = (request: Request) => {
    const { pathname, host } = new URL(request.url), { headers } = request;
    requests.push({
      method: request.method,
      path: pathname,
      range: headers.get("range"),
      token: headers.get("authorization"),
      host,
    });
    return pathname;
  };
  const body = (request: Request, name: string) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0),
      bytes = files[name];
    return from === 0 ? new Response(bytes) : new Response(bytes.subarray(from), {
      status: 206,
      headers: { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` },
    });
  };
  const quiet = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const storage = Deno.serve(quiet, async (request) => {
    const name = note(request).slice(1);
    return await answer(request, name) ?? body(request, name);
  });
  const server = Deno.serve(quiet, async (request) => {
    const path = note(request), name = path.split(/\/resolve\/\w+\//)[1] ?? path.split("/").at(-1)!;
    if (/^\/api\/.*\/tree\//.test(path)) { // what Python lists files by
      return Response.json(names.map((path) => {
        const size = files[path].length, oid = etagOf(path, files);
        return {
          type: "file",
          path,
          size,
          oid,
          ...(large(path) ? { lfs: { oid, size, pointerSize: 100 } } : {}),
        };
      }));
    }
    if (path.startsWith("/api/")) {
      return await answer(request, "api") ??
        Response.json({ id, sha, siblings: names.map((rfilename) => ({ rfilename })) });
    }
    const location = `http://127.0.0.1:${storage.addr.port}/${name}`;
    if (request.method === "HEAD") {
      const stepped = await answer(request, name);
      if (stepped) return stepped;
      const linked = {
        "x-linked-etag": `"${etagOf(name, files)}"`,
        "x-linked-size": `${files[name].length}`,
        "x-repo-commit": sha,
      };
      return large(name)
        ? new Response(null, { status: 302, headers: { ...linked, location } })
        : new Response(null, {
          headers: {
            etag: `"${etagOf(name, files)}"`,
            "content-length": `${files[name].length}`,
            "x-repo-commit": sha,
          },
        });
    }
    if (large(name)) return new Response(null, { status: 302, headers: { location } });
    return await answer(request, name) ?? body(request, name);
  });
  try {
    const endpoint = `http://127.0.0.1:${server.addr.port}`;
    await use({
      options: {
        cache,
        endpoint,
        token: "secret",
        offline: false,
        wait: async () => {},
        kaggle: join(cache, "none"),
      },
      requests,
    });
  } finally {
    await server.shutdown();
    await storage.shutdown();
    await Deno.remove(cache, { recursive: true });
  }
}
