import assert from "node:assert/strict";
import { serveRewards } from "../../lib/cluster/serve_rewards.ts";
import { ConfigError } from "../../lib/options/config_error.ts";
import { compositeReward } from "../../lib/rewards/composite.ts";

const completions = [
  "<reasoning>Step 1: 5+3=8. Step 2: Verify. Therefore 8.</reasoning><answer>8</answer>",
  "<reasoning>I calculate...</reasoning><answer>9</answer>",
];
const problem = { id: "p", question: "5 + 3?", answer: "8", difficulty: "medium" as const, domain: "maths" };
const lengthProxy = {
  preset: "r3" as const,
  components: { confidence: { weight: 0.15, from: "length" as const } },
};

/** What the reward itself says of the completions at a step. */
const direct = (step: number, steps = 200, phase = "easy") =>
  compositeReward(lengthProxy).score(
    completions.map((completion) => ({ prompt: problem.question, completion, problem, step, steps, phase })),
  );

async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

Deno.test("serveRewards() answers /score with the totals and components that the reward itself gives at each step", async () => {
  await using server = serveRewards(compositeReward(lengthProxy), { steps: 200 });
  for (const step of [0, 100, 199]) {
    const { status, body } = await post(`${server.url}/score`, {
      samples: completions.map((completion) => ({ completion, problem, step, phase: "easy" })),
    });
    assert.equal(status, 200);
    assert.deepEqual(body.results, JSON.parse(JSON.stringify(await direct(step))));
  }
});

Deno.test("serveRewards() speaks OpenRLHF: numbers for one query, lists for several, the step counted by completions", async () => {
  await using server = serveRewards(compositeReward(lengthProxy), { steps: 4, samplesPerStep: 3 });
  const prompt = "<start_of_turn>user\n5 + 3?<end_of_turn>\n<start_of_turn>model\n";
  const ask = (some: string[], label = "8") =>
    post(server.url, {
      query: some.map((completion) => `<bos>${prompt}${completion}<end_of_turn>\n`),
      prompts: some.map(() => prompt),
      labels: some.map(() => label),
    });
  const [first, second] = await direct(0, 4);
  const one = await ask([completions[0]]);
  assert.equal(one.body.rewards, first.total);
  assert.equal(one.body.scores, first.total);
  assert.equal(one.body.extra_logs.correctness, 1);
  const two = await ask(completions, JSON.stringify(problem));
  assert.deepEqual(two.body.rewards, [first.total, second.total]);
  assert.deepEqual(two.body.extra_logs.correctness, [1, 0]);
  assert.equal(server.step, 1, "three completions make a step");
  const later = await ask([completions[0]]);
  assert.equal(later.body.rewards, (await direct(1, 4))[0].total);
});

Deno.test("serveRewards() speaks NeMo-Gym: a rollout in, the same with reward and components out", async () => {
  await using server = serveRewards(compositeReward(lengthProxy), { steps: 200 });
  const rollout = {
    responses_create_params: {
      input: [{ role: "system", content: "Be brief." }, { role: "user", content: "5 + 3?" }],
    },
    response: {
      id: "r",
      output: [{ type: "reasoning", summary: [] }, {
        type: "message",
        content: [{ type: "output_text", text: completions[0] }],
      }],
    },
    expected_answer: "8",
    task: 7,
  };
  const { status, body } = await post(`${server.url}/verify`, rollout), [{ total }] = await direct(0);
  assert.equal(status, 200);
  assert.equal(body.reward, total);
  assert.equal(body.reward_components.correctness, 1);
  assert.deepEqual({ ...body, reward: undefined, reward_components: undefined }, {
    ...rollout,
    reward: undefined,
    reward_components: undefined,
  });
});

Deno.test("serveRewards() refuses what is no request of a protocol, and says which field", async () => {
  await using server = serveRewards(compositeReward(lengthProxy), {
    steps: 200,
    maxBodyBytes: 4096,
    maxInFlight: 4,
  });
  const sample = { completion: "x", problem };
  const cases: [path: string, body: unknown, status: number, says: RegExp][] = [
    ["/score", "{", 400, /must be JSON/],
    ["/score", { samples: [] }, 400, /samples/],
    ["/score", { samples: [{ ...sample, problem: { question: "?" } }] }, 400, /samples\.0\.problem\.answer/],
    ["/score", { samples: [{ ...sample, tokens: ["x"], tokenLogprobs: [] }] }, 400, /1 and 0/],
    ["/score", { samples: [sample], extra: 1 }, 400, /extra/i],
    ["/score", { samples: Array(5).fill(sample) }, 413, /4 completions, this one holds 5/],
    ["/score", { samples: [{ ...sample, completion: "x".repeat(5000) }] }, 413, /4096 bytes/],
    ["/", { query: ["ab"], prompts: ["a", "a"], labels: ["1"] }, 400, /one length, got 1, 2 and 1/],
    [
      "/",
      { query: ["something else"], prompts: ["a prompt"], labels: ["1"] },
      400,
      /query\[0\] must begin with prompts\[0\]/,
    ],
    [
      "/verify",
      { responses_create_params: { input: "5 + 3?" }, response: { output: [] } },
      400,
      /expected_answer/,
    ],
    ["/nowhere", {}, 404, /POST \//],
  ];
  for (const [path, body, status, says] of cases) {
    const got = await post(server.url + path, body);
    assert.equal(got.status, status, `${path} ${JSON.stringify(body).slice(0, 80)}: ${got.body.error}`);
    assert.match(got.body.error, says);
  }
  const wrongVerb = await fetch(`${server.url}/score`);
  assert.equal(wrongVerb.status, 405);
  await wrongVerb.body?.cancel();
});

Deno.test("serveRewards() listens beyond this machine only with a token, and asks for it", async () => {
  const reward = compositeReward(lengthProxy);
  assert.throws(() => serveRewards(reward, { hostname: "0.0.0.0" }), ConfigError);
  await using server = serveRewards(reward, { token: "a long secret" });
  const body = { samples: [{ completion: "x", problem }] };
  assert.equal((await post(`${server.url}/score`, body)).status, 401);
  assert.equal(
    (await post(`${server.url}/score`, body, { authorization: "Bearer a long secreT" })).status,
    401,
  );
  assert.equal(
    (await post(`${server.url}/score`, body, { authorization: "Bearer a long secret" })).status,
    200,
  );
  const health = await fetch(`${server.url}/health`);
  assert.deepEqual(await health.json(), { status: "ok", step: 0 });
});

Deno.test("serveRewards() answers 429 with Retry-After past its limit, loses nothing that it took, and ends a component that hangs", async () => {
  let release = () => {};
  const gate = new Promise<void>((done) => release = done);
  const reward = compositeReward({
    components: {
      slow: { weight: 1, reward: () => gate.then(() => 1) },
      hangs: { weight: 1, reward: () => new Promise<number>(() => {}) },
    },
    timeoutMs: 300,
  });
  const server = serveRewards(reward, { maxInFlight: 2 });
  const body = { samples: [{ completion: "x", problem }] };
  const taken = [post(`${server.url}/score`, body), post(`${server.url}/score`, body)];
  await new Promise((done) => setTimeout(done, 50));
  const refused = await post(`${server.url}/score`, body);
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "1");
  release();
  const closed = server.close(); // graceful: those that it took are answered
  for (const { status, body } of await Promise.all(taken)) {
    assert.equal(status, 200);
    assert.equal(body.results[0].total, 1);
    assert.match(body.results[0].components.hangs.error, /timed out after 300 ms/);
  }
  await closed;
  await assert.rejects(fetch(`${server.url}/health`));
});

Deno.test("serveRewards() counts what it did for Prometheus", async () => {
  await using server = serveRewards(
    compositeReward({
      components: {
        half: { weight: 1, reward: () => 0.5 },
        broken: {
          weight: 1,
          reward: () => {
            throw new Error("no");
          },
        },
      },
    }),
    { steps: 10, samplesPerStep: 2 },
  );
  await post(`${server.url}/score`, { samples: Array(4).fill({ completion: "x", problem }) });
  await post(`${server.url}/score`, "{");
  const page = await (await fetch(`${server.url}/metrics`)).text();
  const value = (line: string) =>
    Number(page.split("\n").find((text) => text.startsWith(`${line} `))?.split(" ").at(-1));
  assert.equal(value(`showwork_reward_requests_total{path="/score",status="200"}`), 1);
  assert.equal(value(`showwork_reward_requests_total{path="/score",status="400"}`), 1);
  assert.equal(value("showwork_reward_samples_total"), 4);
  assert.equal(value("showwork_reward_step"), 2);
  assert.equal(value(`showwork_reward_component_sum{component="half"}`), 2);
  assert.equal(value(`showwork_reward_failures_total{component="broken"}`), 4);
  assert.equal(value(`showwork_reward_request_seconds_bucket{le="+Inf"}`), 2);
});

Deno.test("deno task rewards serves a configuration's reward and ends on SIGTERM", async () => {
  const script = new URL("../../lib/tasks/rewards.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", script, "--config", "r3", "--port", "0"],
    stdout: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read(), url = /http:\S+?(?=:? POST)/.exec(value)?.[0];
  assert.ok(url, value);
  const { status, body } = await post(`${url}/score`, {
    samples: [{ completion: completions[0], problem, step: 0 }],
  });
  assert.equal(status, 200);
  assert.equal(body.results[0].components.correctness.score, 1);
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
  await reader.cancel();
});
