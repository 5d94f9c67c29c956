import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { downloadModel, type DownloadModelOptions, HubError } from "../../lib/models/hub.ts";
import { hubEnvironment } from "../../lib/models/hub_cache.ts";

const sha = "0123456789abcdef0123456789abcdef01234567", id = "acme/tiny";
const bytesOf = (text: string) => new TextEncoder().encode(text);
const contents: Record<string, Uint8Array<ArrayBuffer>> = {
  "config.json": bytesOf('{"model_type":"llama"}'),
  "tokenizer.json": bytesOf('{"model":{}}'),
  "model.safetensors": Uint8Array.from({ length: 5000 }, (_, i) => i % 251),
};
const large = (name: string) => name.endsWith(".safetensors");
const etagOf = (name: string) =>
  large(name)
    ? createHash("sha256").update(contents[name]).digest("hex")
    : createHash("sha1").update(`blob ${contents[name].length}\0`).update(contents[name]).digest("hex");

interface Hub {
  options: DownloadModelOptions & { cache: string };
  requests: { method: string; path: string; range: string | null; token: string | null; host: string }[];
}

type Answer = (request: Request, name: string) => Response | undefined | Promise<Response | undefined>;

/** A hub on this machine, with a storage server of another origin for large files; `answer` may step in. */
async function withHub(
  answer: Answer,
  use: (hub: Hub) => Promise<void>,
  names = Object.keys(contents),
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
      bytes = contents[name];
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
    const path = note(request), name = path.split("/").at(-1)!;
    if (path.startsWith("/api/")) {
      return await answer(request, "api") ??
        Response.json({ sha, siblings: names.map((rfilename) => ({ rfilename })) });
    }
    const location = `http://127.0.0.1:${storage.addr.port}/${name}`;
    if (request.method === "HEAD") {
      const stepped = await answer(request, name);
      if (stepped) return stepped;
      const linked = { "x-linked-etag": `"${etagOf(name)}"`, "x-linked-size": `${contents[name].length}` };
      return large(name)
        ? new Response(null, { status: 302, headers: { ...linked, location } })
        : new Response(null, {
          headers: { etag: `"${etagOf(name)}"`, "content-length": `${contents[name].length}` },
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

const rejects = (promise: Promise<unknown>, ...messages: RegExp[]) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof HubError, `${error}`);
    for (const message of messages) assert.match(error.message, message);
    return true;
  });

Deno.test("downloadModel() fills the cache as huggingface_hub lays it out, and fetches nothing twice", async () => {
  await withHub(() => undefined, async ({ options, requests }) => {
    const progress: number[] = [];
    const snapshot = await downloadModel(id, { ...options, onProgress: ({ bytes }) => progress.push(bytes) });
    const folder = join(options.cache, "models--acme--tiny");
    assert.equal(snapshot, join(folder, "snapshots", sha));
    assert.equal(await Deno.readTextFile(join(folder, "refs", "main")), sha);
    for (const [name, bytes] of Object.entries(contents)) {
      assert.deepEqual(new Uint8Array(await Deno.readFile(join(snapshot, name))), bytes);
      assert.equal(await Deno.readLink(join(snapshot, name)), `../../blobs/${etagOf(name)}`);
    }
    assert.ok(progress.includes(5000));
    // The token goes to the hub, never to the storage that it redirects to.
    const stored = requests.filter(({ path }) => path === "/model.safetensors");
    assert.deepEqual(stored.map(({ token }) => token), [null]);
    assert.equal(requests[0].token, "Bearer secret");

    const before = requests.length;
    assert.equal(await downloadModel(id, options), snapshot);
    assert.equal(requests.length, before + 1); // the listing alone
    assert.equal(await downloadModel(id, { ...options, offline: true }), snapshot);
    assert.equal(
      await downloadModel(id, { ...options, endpoint: "http://127.0.0.1:9", retries: 0 }),
      snapshot,
    );
    assert.equal(requests.length, before + 1);
  });
});

Deno.test("downloadModel() goes on after a cut where the file ended", async () => {
  let cuts = 0;
  await withHub((request, name) => {
    if (name !== "model.safetensors" || request.method === "HEAD" || cuts++ > 0) return undefined;
    const half = contents[name].subarray(0, 2000);
    return new Response(half, { headers: { "content-length": "2000" } });
  }, async ({ options, requests }) => {
    const snapshot = await downloadModel(id, options);
    assert.deepEqual(
      new Uint8Array(await Deno.readFile(join(snapshot, "model.safetensors"))),
      contents["model.safetensors"],
    );
    const stored = requests.filter(({ path }) => path === "/model.safetensors");
    assert.deepEqual(stored.map(({ range }) => range), [null, "bytes=2000-"]);
  });
});

Deno.test("downloadModel() refuses what is altered, too long or always cut, and keeps nothing false", async () => {
  const serve = (bytes: Uint8Array<ArrayBuffer>): Answer => (request, name) =>
    name === "model.safetensors" && request.method === "GET" ? new Response(bytes) : undefined;
  const cases: [Uint8Array<ArrayBuffer>, RegExp][] = [
    [new Uint8Array(5000), /model\.safetensors has the checksum .*the hub says/],
    [new Uint8Array(6000), /longer than the 5000 bytes/],
    [new Uint8Array(10), /was cut 3 times \(it ended at byte 10 of 5000\)/],
  ];
  for (const [bytes, message] of cases) {
    await withHub(serve(bytes), async ({ options }) => {
      await rejects(downloadModel(id, { ...options, retries: 2 }), message);
      await rejects(downloadModel(id, { ...options, offline: true }), /HF_HUB_OFFLINE/);
    });
  }
});

Deno.test("downloadModel() says what to do for 401, 403, 404 and gives 429 and 503 time", async () => {
  const always = (status: number): Answer => (_, name) =>
    name === "api" ? new Response(null, { status }) : undefined;
  await withHub(always(401), async ({ options }) => {
    await rejects(
      downloadModel(id, { ...options, token: null }),
      /asks for a token \(401\)/,
      /licence at http.*acme\/tiny/,
      /HF_TOKEN/,
    );
  });
  await withHub(always(403), async ({ options }) => {
    await rejects(downloadModel(id, options), /refused the token \(403\)/, /accept its licence/);
  });
  await withHub(
    always(404),
    async ({ options }) => await rejects(downloadModel(id, options), /does not exist \(404\)/),
  );
  await withHub(always(500), async ({ options, requests }) => {
    await rejects(downloadModel(id, { ...options, retries: 2 }), /failed 3 times; the answer was 500/);
    assert.equal(requests.length, 3);
  });
  let left = 2;
  const waits: number[] = [];
  const busy: Answer = (_, name) =>
    name === "api" && left-- > 0
      ? new Response(null, { status: 429, headers: { "retry-after": "7" } })
      : undefined;
  await withHub(busy, async ({ options }) => {
    await downloadModel(id, {
      ...options,
      wait: (seconds) => {
        waits.push(seconds);
        return Promise.resolve();
      },
    });
    assert.deepEqual(waits, [7, 7]);
  });
});

Deno.test("downloadModel() bounds redirects", async () => {
  await withHub(
    (request, name) => name === "api" ? Response.redirect(request.url) : undefined,
    async ({ options, requests }) => {
      await rejects(downloadModel(id, options), /redirects more than 5 times/);
      assert.equal(requests.length, 6);
    },
  );
});

Deno.test("downloadModel() refuses names that leave the cache and ignores files it does not know", async () => {
  for (const bad of ["../etc", "/etc/passwd", "a/../b", "a/b/c", "a\\b", "", "a/..", "C:\\x"]) {
    await rejects(downloadModel(bad), /is no model id/);
  }
  await rejects(downloadModel(id, { revision: "../../x" }), /is no revision/);
  const names = [
    ...Object.keys(contents),
    "../../evil.json",
    "/abs/config.json",
    "pytorch_model.bin",
    "onnx/model.safetensors",
  ];
  await withHub(() => undefined, async ({ options, requests }) => {
    const snapshot = await downloadModel(id, options);
    assert.deepEqual(
      [...Deno.readDirSync(snapshot)].map(({ name }) => name).sort(),
      Object.keys(contents).sort(),
    );
    assert.ok(requests.every(({ path }) => !/evil|abs|bin|onnx/.test(path)));
  }, names);
  await withHub(
    () => undefined,
    async ({ options }) =>
      await rejects(downloadModel(id, options), /has no config.json with model.safetensors/),
    ["model.gguf"],
  );
});

Deno.test("downloadModel() finds the newest version among Kaggle's inputs", async () => {
  const kaggle = await Deno.makeTempDir();
  for (const version of ["2", "10"]) {
    const folder = join(kaggle, "gemma-3", "transformers", "gemma-3-270m-it", version);
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(join(folder, "config.json"), "{}");
  }
  const found = await downloadModel("google/gemma-3-270m-it", { kaggle, cache: kaggle, offline: true });
  assert.equal(found, join(kaggle, "gemma-3", "transformers", "gemma-3-270m-it", "10"));
  await Deno.remove(kaggle, { recursive: true });
});

Deno.test("hubEnvironment() reads what huggingface_hub reads", async () => {
  const read = (values: Record<string, string>) => hubEnvironment((name) => values[name]);
  const home = await Deno.makeTempDir();
  await Deno.writeTextFile(join(home, "token"), "saved\n");
  assert.deepEqual(await read({ HF_HOME: home, HF_ENDPOINT: "https://mirror.test/" }), {
    cache: join(home, "hub"),
    token: "saved",
    endpoint: "https://mirror.test",
    offline: false,
  });
  const other = await read({
    HOME: home,
    HF_TOKEN: "given",
    HF_HUB_CACHE: join(home, "c"),
    HF_HUB_OFFLINE: "1",
  });
  assert.deepEqual([other.cache, other.token, other.offline], [join(home, "c"), "given", true]);
  assert.equal((await read({ HOME: home })).cache, join(home, ".cache/huggingface/hub"));
  await Deno.remove(home, { recursive: true });
});
