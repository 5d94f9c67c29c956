import assert from "node:assert/strict";
import { join } from "node:path";
import { setObserver } from "../../lib/display/observer.ts";
import { ConfigError } from "../../lib/options/config_error.ts";
import { ArgumentError } from "../../lib/options/argument_error.ts";
import { useBackend } from "../../lib/kernels/use_backend.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { exportRun } from "../../lib/report/export_run.ts";
import { pushToHub, type PushToHubOptions } from "../../lib/report/push_to_hub.ts";
import { HubError } from "../../lib/weights/hub.ts";
import { inventedEvaluation, inventedGrpo } from "./invented.ts";
import { type Interruption, withWritableHub, type WritableHub } from "./writable_hub.ts";

await useBackend({ backend: "cpu", threads: 1 });
setObserver(null);

const token = "hf_secret_of_the_test", dir = await Deno.makeTempDir();
const made = async (name: string, lora: boolean) => {
  const model = await loadModel("tiny-gemma");
  if (lora) model.addLora({ rank: 2, targets: ["q_proj"] });
  const exported = await exportRun(join(dir, name), {
    config: { name: "tiny", model: { path: "/home/somebody/models/tiny" } },
    runs: [inventedGrpo(12)],
    evaluations: { grpo: inventedEvaluation("grpo", 0.6, 0.9, 20) },
    model,
  });
  model.dispose();
  return exported;
};
const adapter = await made("adapter", true), whole = await made("whole", false);
addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));

const waited: number[] = [];
const to = ({ endpoint }: Pick<WritableHub, "endpoint">, more: PushToHubOptions = {}): PushToHubOptions => ({
  endpoint,
  token,
  wait: (seconds) => Promise.resolve(void waited.push(seconds)),
  ...more,
});
const actions = ({ requests }: WritableHub) => requests.map(({ action }) => action);

function test(name: string, body: () => Promise<void>) {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn: body });
}

test("pushToHub() shows what it would send, and sends nothing, not even a question", () =>
  withWritableHub(() => undefined, async (hub) => {
    const push = await pushToHub("me/tiny", adapter, to(hub)), paths = push.files.map(({ path }) => path);
    assert.deepEqual(hub.requests, []);
    assert.equal(push.commit, null);
    for (
      const path of [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "run/report.html",
        "run/final_results.json",
        "run/metrics.jsonl",
        "run/completions.jsonl",
        "run/plots/learning_curves.png",
      ]
    ) assert.ok(paths.includes(path), `${path} of ${paths}`);
    assert.equal(push.bytes, push.files.reduce((sum, { bytes }) => sum + bytes, 0));
    const shown = Deno.inspect(push);
    assert.match(shown, /^Would be sent to me\/tiny[\s\S]*adapter_model\.safetensors\s+[\d.]+ kB/);
    assert.match(shown, /folder of this machine, and is called tiny: others cannot load the adapter/);
    assert.match(shown, /Nothing was sent: \{ send: true \} sends it/);
    assert.doesNotMatch(shown + JSON.stringify(push), /hf_secret|\/home\/somebody/);
    const without = await pushToHub("me/tiny", adapter.dir, to(hub, { token: null }));
    assert.match(without.notes.join(), /wants a token with the right to write/);
  }));

test("pushToHub() makes a private repository and commits weights, card, results and report, none of which names a path of this machine", () =>
  withWritableHub(() => undefined, async (hub) => {
    const push = await pushToHub("me/tiny", adapter, to(hub, { send: true, baseModel: "acme/base" }));
    const { private: hidden, commits, files } = hub.repos.get("me/tiny")!;
    assert.deepEqual([hidden, commits, push.commit], [true, ["tiny: tiny"], "1".padStart(40, "c")]);
    assert.deepEqual([...files.keys()].sort(), push.files.map(({ path }) => path).sort());
    for (const { path, bytes } of push.files) assert.equal(files.get(path)!.length, bytes, path);
    const weights = await Deno.readFile(join(adapter.dir, "adapter", "adapter_model.safetensors"));
    assert.deepEqual(files.get("adapter_model.safetensors"), weights);
    const text = (path: string) => new TextDecoder().decode(files.get(path));
    assert.equal(JSON.parse(text("adapter_config.json")).base_model_name_or_path, "acme/base");
    const card = text("README.md");
    assert.match(card, /^---\nbase_model: acme\/base\nlibrary_name: peft\n/);
    assert.match(card, /A LoRA adapter for `acme\/base`/);
    assert.match(card, /\| GRPO \| 65\.0 % \|/);
    assert.match(card, /## The run\n\n!\[Learning curves\]\(run\/plots\/learning_curves\.png\)/);
    assert.match(card, /\[report\.html\]\(run\/report\.html\)/);
    for (const link of card.matchAll(/\]\((run\/[^)]+)\)/g)) assert.ok(files.has(link[1]), link[1]);
    assert.doesNotMatch(card, /somebody/);
    assert.match(Deno.inspect(push), /^Sent to http:\/\/127\.0\.0\.1:\d+\/me\/tiny/);
    assert.ok(hub.requests.every(({ action, token }) => (action === "upload") === (token === null)));
  }));

test("pushToHub() sends a whole model with a card for transformers, into a repository that is there", () =>
  withWritableHub(() => undefined, async (hub) => {
    hub.repos.set("me/tiny", {
      private: false,
      commits: [],
      files: new Map([["old.txt", new Uint8Array(1)]]),
    });
    await pushToHub("me/tiny", whole, to(hub, { send: true, message: "Second try" }));
    const { private: hidden, commits, files } = hub.repos.get("me/tiny")!;
    assert.deepEqual([hidden, commits], [false, ["Second try"]]);
    for (const path of ["config.json", "model.safetensors", "tokenizer.json", "old.txt"]) {
      assert.ok(files.has(path), path);
    }
    const card = new TextDecoder().decode(files.get("README.md"));
    assert.match(card, /^---\nbase_model: tiny\nlibrary_name: transformers\n/);
    assert.match(
      card,
      /A model made from `tiny`, trained with showwork[\s\S]*AutoModelForCausalLM\.from_pretrained/,
    );
  }));

test("pushToHub() goes on after cuts, and uploads nothing twice", async () => {
  const cuts: Record<string, Interruption> = {
    preupload: (action, count) => action === "preupload" && count === 1 ? "cut" : undefined,
    upload: (action, count) =>
      action === "upload" && count === 2 ? new Response("busy", { status: 503 }) : undefined,
    commit: (action, count) => action === "commit" && count <= 2 ? "cut" : undefined,
    "another commit": (action, count) =>
      action === "commit" && count === 1
        ? Response.json({ error: "A commit is under way" }, { status: 409 })
        : undefined,
    "too many requests": (action, count) =>
      action === "batch" && count === 1 ? new Response("", { status: 429 }) : undefined,
  };
  for (const [name, interrupt] of Object.entries(cuts)) {
    await withWritableHub(interrupt, async (hub) => {
      waited.length = 0;
      await pushToHub("me/tiny", adapter, to(hub, { send: true }));
      const { commits, files } = hub.repos.get("me/tiny")!;
      assert.ok(files.has("adapter_model.safetensors"), name);
      assert.equal(commits.length, 1, name);
      assert.deepEqual(waited, name === "commit" ? [1, 2] : [1], name);
      const uploads = actions(hub).filter((action) => action === "upload").length;
      const large = [...files.keys()].filter((path) => /\.(safetensors|png)$/.test(path)).length;
      assert.equal(uploads, name === "upload" ? large + 1 : large, name);
    });
  }
});

test("pushToHub() says what to do when it is refused, and never shows the token", async () => {
  const cases: [Interruption, PushToHubOptions, RegExp][] = [
    [
      () => Response.json({ error: `bad ${token}` }, { status: 401 }),
      {},
      /refused the token \(401\).*right to write to me's/,
    ],
    [
      (action) => action === "commit" ? Response.json({ error: `no ${token}` }, { status: 403 }) : undefined,
      {},
      /\(403\)/,
    ],
    [
      (action) =>
        action === "commit" ? Response.json({ error: `bad card, ${token}` }, { status: 400 }) : undefined,
      {},
      /bad card, …/,
    ],
    [
      (action) => action === "preupload" ? "cut" : undefined,
      { retries: 2 },
      /failed 3 times; [\s\S]*call again to go on/,
    ],
    [() => undefined, { token: null }, /wants a token/],
    [() => undefined, { token: "no_hf_token" }, /must start with 'hf_'/],
  ];
  const said: string[] = [], { log, error, warn } = console;
  console.log = console.error = console.warn = (...texts: unknown[]) => void said.push(texts.join(" "));
  try {
    for (const [interrupt, options, message] of cases) {
      await withWritableHub(interrupt, async (hub) => {
        await assert.rejects(
          pushToHub("me/tiny", adapter, to(hub, { send: true, ...options })),
          (error: Error) => {
            assert.ok(error instanceof HubError, `${error}`);
            assert.match(error.message, message);
            assert.doesNotMatch(Deno.inspect(error) + error.stack, /hf_secret/);
            return true;
          },
        );
        assert.equal(hub.repos.get("me/tiny")?.commits.length ?? 0, 0);
      });
    }
  } finally {
    Object.assign(console, { log, error, warn });
  }
  assert.doesNotMatch(said.join("\n"), /hf_secret/);
});

test("pushToHub() refuses what it was not made for in a sentence", async () => {
  const bare = await exportRun(join(dir, "bare"), { runs: [inventedGrpo(3)] });
  const refused: [() => Promise<unknown>, RegExp, new (...args: never[]) => Error][] = [
    [() => pushToHub("tiny", adapter), /no repository; expected owner\/name/, HubError],
    [() => pushToHub("me/../x", adapter), /no repository/, HubError],
    [
      () => pushToHub("me/tiny", 3 as never),
      /second argument must be the path of a folder, got 3/,
      ArgumentError,
    ],
    [() => pushToHub("me/tiny", adapter, { sent: true } as never), /did you mean `send`\?/, ConfigError],
    [
      () => pushToHub("me/tiny", adapter, { tokn: token } as never),
      /tokn = "•••" is not an option; did you mean `token`/,
      ConfigError,
    ],
    [
      () => pushToHub("me/tiny", adapter, { token: [token] } as never),
      /token = "•••" must be a text or null/,
      ConfigError,
    ],
    [() => pushToHub("me/tiny", bare), /must hold an adapter or a model, got results alone/, RangeError],
    [() => pushToHub("me/tiny", join(dir, "none")), /final_results\.json/, Error],
  ];
  for (const [call, message, kind] of refused) {
    await assert.rejects(call, (error: Error) => {
      assert.ok(error instanceof kind, `${error}`);
      assert.match(error.message, message);
      return true;
    });
  }
});
