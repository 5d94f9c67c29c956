import assert from "node:assert/strict";
import { join } from "node:path";
import { downloadGguf, downloadModel, HubError } from "../../lib/weights/hub.ts";
import { hubEnvironment } from "../../lib/weights/hub_cache.ts";

import { type Answer, contents, etagOf, id, sha, withHub } from "./local_hub.ts";

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

Deno.test("downloadModel() goes on after a connection that breaks in the middle of a file", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }), { port } = listener.addr as Deno.NetAddr;
  const broken = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(4096));
    const head = new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n");
    await connection.write(new Uint8Array([...head, ...contents["model.safetensors"].subarray(0, 1700)]));
    // read by the client before the line goes dead
    await new Promise((done) => setTimeout(done, 50));
  })();
  let asked = 0;
  await withHub((request, name) => {
    if (name !== "model.safetensors" || request.method === "HEAD" || asked++ > 0) return undefined;
    return Response.redirect(`http://127.0.0.1:${port}/model.safetensors`, 302);
  }, async ({ options, requests }) => {
    const snapshot = await downloadModel(id, options);
    assert.deepEqual(
      new Uint8Array(await Deno.readFile(join(snapshot, "model.safetensors"))),
      contents["model.safetensors"],
    );
    const ranges = requests.filter(({ path }) => path === "/model.safetensors").map(({ range }) => range);
    assert.deepEqual(ranges, [null, "bytes=1700-"]);
  });
  await broken;
  listener.close();
});

Deno.test("downloadModel() begins again where a server knows no ranges, or a partial file is longer than the whole", async () => {
  const name = "model.safetensors", ranges: (string | null)[] = [];
  const deaf: Answer = (request, asked) => {
    if (asked !== name || request.method === "HEAD") return undefined;
    ranges.push(request.headers.get("range"));
    return new Response(contents[name]); // 200 and the whole, whatever was asked
  };
  for (const [length, asked] of [[1234, "bytes=1234-"], [7000, null]] as const) {
    ranges.length = 0;
    await withHub(deaf, async ({ options }) => {
      const blobs = join(options.cache, "models--acme--tiny", "blobs");
      await Deno.mkdir(blobs, { recursive: true });
      await Deno.writeFile(join(blobs, `${etagOf(name)}.incomplete`), new Uint8Array(length));
      const snapshot = await downloadModel(id, options);
      assert.deepEqual(new Uint8Array(await Deno.readFile(join(snapshot, name))), contents[name]);
      assert.deepEqual(ranges, [asked]);
    });
  }
});

Deno.test("downloadModel() finds a damaged partial file by its checksum, and fetches it anew the next time", async () => {
  const name = "model.safetensors";
  await withHub(() => undefined, async ({ options }) => {
    const blobs = join(options.cache, "models--acme--tiny", "blobs");
    await Deno.mkdir(blobs, { recursive: true });
    await Deno.writeFile(join(blobs, `${etagOf(name)}.incomplete`), new Uint8Array(1000));
    await rejects(
      downloadModel(id, options),
      /has the checksum .* the partial file was removed, fetch again/,
    );
    const snapshot = await downloadModel(id, options);
    assert.deepEqual(new Uint8Array(await Deno.readFile(join(snapshot, name))), contents[name]);
  });
});

Deno.test("downloadModel() needs an ETag and a size that can be", async () => {
  const etag = `"${etagOf("model.safetensors")}"`;
  const cases: [Record<string, string>, RegExp][] = [
    [{ "x-linked-size": "5000" }, /no usable ETag and size \(none, 5000\)/],
    [{ "x-linked-etag": '"../../../evil"', "x-linked-size": "5000" }, /no usable ETag and size/],
    [{ "x-linked-etag": etag, "x-linked-size": "many" }, /no usable ETag and size \(\w+, NaN\)/],
    [{ "x-linked-etag": etag, "x-linked-size": "-1" }, /no usable ETag and size \(\w+, -1\)/],
    [{ "x-linked-etag": etag, "x-linked-size": "4999" }, /is longer than the 4999 bytes announced/],
    [{ "x-linked-etag": etag, "x-linked-size": "5001" }, /was cut 2 times \(it ended at byte 5000 of 5001\)/],
  ];
  for (const [headers, message] of cases) {
    const head: Answer = (request, name) =>
      request.method === "HEAD" && name === "model.safetensors" ? new Response(null, { headers }) : undefined;
    await withHub(head, async ({ options }) => {
      await rejects(downloadModel(id, { ...options, retries: 1 }), message);
    });
  }
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

Deno.test("downloadModel() says the same when a file is denied, missing or asked for too often", async () => {
  const always =
    (status: number, method: string, headers?: Record<string, string>): Answer => (request, name) =>
      name === "model.safetensors" && request.method === method
        ? new Response(null, { status, headers })
        : undefined;
  // a gated repository lists its files to everyone
  await withHub(always(401, "HEAD"), async ({ options }) => {
    await rejects(
      downloadModel(id, { ...options, token: null }),
      /asks for a token \(401\)/,
      /accept its licence at http:\/\/127\.0\.0\.1:\d+\/acme\/tiny,/,
    );
  });
  await withHub(always(403, "GET"), async ({ options }) => {
    await rejects(
      downloadModel(id, options),
      /refused the token \(403\)/,
      /with the account of this HF_TOKEN/,
    );
  });
  await withHub(always(404, "HEAD"), async ({ options }) => {
    await rejects(downloadModel(id, options), /model\.safetensors does not exist \(404\)/);
  });
  await withHub(always(418, "GET"), async ({ options, requests }) => {
    await rejects(downloadModel(id, options), /model\.safetensors answered 418/);
    assert.equal(requests.filter(({ path }) => path === "/model.safetensors").length, 1); // not tried again
  });
  const waits: number[] = [];
  const wait = (seconds: number) => {
    waits.push(seconds);
    return Promise.resolve();
  };
  await withHub(always(429, "GET", { "retry-after": "86400" }), async ({ options }) => {
    await rejects(
      downloadModel(id, { ...options, retries: 2, wait }),
      /failed 3 times; .*429 \(too many requests\)/,
    );
    assert.deepEqual(waits, [60, 60]); // never longer than a minute
  });
  waits.length = 0;
  await withHub(always(503, "GET"), async ({ options }) => {
    await rejects(downloadModel(id, { ...options, retries: 3, wait }), /failed 4 times; the answer was 503/);
    assert.deepEqual(waits, [1, 2, 4]);
  });
});

Deno.test("downloadModel() follows redirects within the hub with its token, bounds them, and follows none but http", async () => {
  await withHub(
    (request, name) => {
      if (name !== "api" || new URL(request.url).pathname.includes("renamed")) return undefined;
      return new Response(null, { status: 307, headers: { location: "/api/models/acme/renamed" } });
    },
    async ({ options, requests }) => {
      await downloadModel(id, options);
      assert.deepEqual(requests.slice(0, 2).map(({ path, token }) => [path, token]), [
        ["/api/models/acme/tiny/revision/main", "Bearer secret"],
        ["/api/models/acme/renamed", "Bearer secret"],
      ]);
    },
  );
  await withHub(
    (request, name) => name === "api" ? Response.redirect(request.url) : undefined,
    async ({ options, requests }) => {
      await rejects(downloadModel(id, options), /redirects more than 5 times/);
      assert.equal(requests.length, 6);
    },
  );
  await withHub(
    (_, name) =>
      name === "api"
        ? new Response(null, { status: 302, headers: { location: "file:///etc/passwd" } })
        : undefined,
    async ({ options }) => await rejects(downloadModel(id, options), /which is not http/),
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
  }, { names });
  await withHub(
    () => undefined,
    async ({ options }) =>
      await rejects(downloadModel(id, options), /has no config.json with model.safetensors/),
    { names: ["model.gguf"] },
  );
});

Deno.test("downloadModel() finds the newest version among Kaggle's inputs", async () => {
  const kaggle = await Deno.makeTempDir();
  for (const version of ["2", "10"]) {
    const folder = join(kaggle, "gemma-3", "transformers", "gemma-3-270m-it", version);
    await Deno.mkdir(folder, { recursive: true });
    for (const name of ["config.json", "model.safetensors"]) {
      await Deno.writeTextFile(join(folder, name), "{}");
    }
  }
  // not whole, so passed over
  await Deno.mkdir(join(kaggle, "gemma-3", "transformers", "gemma-3-270m-it", "11"));
  const found = await downloadModel("google/gemma-3-270m-it", { kaggle, cache: kaggle, offline: true });
  assert.equal(found, join(kaggle, "gemma-3", "transformers", "gemma-3-270m-it", "10"));
  await Deno.remove(kaggle, { recursive: true });
});

Deno.test("downloadGguf() fetches one file, or every part of a split one, and nothing else", async () => {
  const bytes = (fill: number) => new Uint8Array(50).fill(fill);
  const parts = ["q4/m-00001-of-00002.gguf", "q4/m-00002-of-00002.gguf"];
  const files = {
    "m.Q8_0.gguf": bytes(1),
    "other.gguf": bytes(2),
    [parts[0]]: bytes(3),
    [parts[1]]: bytes(4),
    ...contents,
  };
  await withHub(() => undefined, async ({ options, requests }) => {
    const whole = await downloadGguf(id, { ...options, file: "m.Q8_0.gguf" });
    assert.deepEqual(await Deno.readFile(whole), bytes(1));
    const second = await downloadGguf(id, { ...options, file: parts[1] });
    assert.ok(second.endsWith("q4/m-00002-of-00002.gguf"));
    assert.deepEqual(await Deno.readFile(second.replace("00002-of", "00001-of")), bytes(3));
    assert.ok(!requests.some(({ path }) => /other\.gguf|safetensors/.test(path)));

    const before = requests.length;
    assert.equal(await downloadGguf(id, { ...options, file: "m.Q8_0.gguf", offline: true }), whole);
    assert.equal(requests.length, before);
    await rejects(
      downloadGguf(id, { ...options, file: "none.gguf" }),
      /no file none\.gguf; look at its list of files/,
    );
    await rejects(
      downloadGguf(id, { ...options, file: "m-00001-of-00003.gguf" }),
      /no file m-00001-of-00003\.gguf to m-00003-of-00003\.gguf/,
    );
    await rejects(downloadGguf(id, { ...options, file: "../m.gguf" }), /is no path of a GGUF file/);
  }, { files });
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
