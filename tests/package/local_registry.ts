import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";

/** A registry that speaks as much of JSR's protocol as `deno publish` and an import need. */
export interface LocalRegistry extends AsyncDisposable {
  /** What `JSR_URL` must be. */
  url: string;
  /** The files of what was published last, by path, as the publisher rewrote them. */
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** Paths that were asked for. */
  requests: string[];
}

/** The files of a tar archive by name. */
function untar(archive: Uint8Array): Map<string, Uint8Array<ArrayBuffer>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const text = (from: number, length: number) =>
    new TextDecoder().decode(archive.subarray(from, from + length)).replace(/\0[\s\S]*$/, "");
  let longName: string | null = null;
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0;) {
    const size = parseInt(text(at + 124, 12).trim(), 8) || 0, kind = text(at + 156, 1);
    const prefix = text(at + 345, 155), body = archive.slice(at + 512, at + 512 + size);
    const name = longName ?? (prefix ? `${prefix}/` : "") + text(at, 100);
    longName = kind === "L" ? new TextDecoder().decode(body).replace(/\0+$/, "") : null;
    if (kind === "0" || kind === "") files.set("/" + name.replace(/^\.?\//, ""), body);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

const json = (value: unknown) => Response.json(value);

/** Serves a registry on the loopback interface until it is disposed of, at an address that no cache knows: ports come again. */
export function localRegistry(): LocalRegistry {
  const own = `/${crypto.randomUUID()}`;
  const registry = { files: new Map<string, Uint8Array<ArrayBuffer>>(), requests: [] as string[] };
  let name = "", version = "", exports: Record<string, string> = {};
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname: asked, searchParams } = new URL(request.url), pathname = asked.replace(own, "");
    registry.requests.push(`${request.method} ${pathname}`);
    const publish = /^\/api\/scopes\/([^/]+)\/packages\/([^/]+)\/versions\/([^/]+)$/.exec(pathname);
    if (publish && request.method === "POST") {
      name = `@${publish[1]}/${publish[2]}`;
      version = publish[3];
      registry.files = untar(gunzipSync(new Uint8Array(await request.arrayBuffer())));
      const config = JSON.parse(new TextDecoder().decode(registry.files.get(searchParams.get("config")!)!));
      exports = typeof config.exports === "string" ? { ".": config.exports } : config.exports;
      return json({ id: "1", status: "success", error: null });
    }
    if (pathname.startsWith("/api/publish_status/")) return json({ id: "1", status: "success", error: null });
    if (publish) {
      return Response.json({ code: "packageVersionNotFound", message: "no such version" }, { status: 404 });
    }
    if (/^\/api\/scopes\/[^/]+\/packages\/[^/]+$/.test(pathname)) {
      return json({
        scope: "showwork",
        name: "showwork",
        githubRepository: null,
        latestVersion: null,
        score: 0,
      });
    }
    if (pathname === `/${name}/meta.json`) {
      return json({
        scope: name.slice(1).split("/")[0],
        name: name.split("/")[1],
        latest: version,
        versions: { [version]: {} },
      });
    }
    if (pathname === `/${name}/${version}_meta.json`) {
      const manifest = Object.fromEntries([...registry.files].map(([path, bytes]) => [path, {
        size: bytes.length,
        checksum: `sha256-${createHash("sha256").update(bytes).digest("hex")}`,
      }]));
      return json({ manifest, exports });
    }
    const file = registry.files.get(pathname.replace(`/${name}/${version}`, ""));
    if (!file) return new Response("not found", { status: 404 });
    const type = pathname.endsWith(".wasm")
      ? "application/wasm"
      : pathname.endsWith(".json")
      ? "application/json"
      : "text/typescript";
    return new Response(file, { headers: { "content-type": type } });
  });
  return Object.assign(registry, {
    url: `http://127.0.0.1:${server.addr.port}${own}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  });
}
