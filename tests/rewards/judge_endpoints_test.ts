import assert from "node:assert/strict";
import { endpointError, mayHelp, waitOf } from "../../lib/rewards/judge_failure.ts";
import { rubricJudge, type RubricJudgeOptions } from "../../lib/rewards/rubric_judge.ts";
import { soleObject } from "../../lib/rewards/sole_object.ts";
import { sampleOf } from "./reward_sample.ts";

const scores = { reasoningQuality: 30, answerCorrectness: 30, traceCoherence: 15, stepClarity: 5 }; // 0.8
const points = JSON.stringify(scores);

/** A chat completion with one choice. */
const choice = (message: unknown, more = {}) =>
  Response.json({ choices: [{ index: 0, finish_reason: "stop", message, ...more }] });
const good = () => choice({ role: "assistant", content: points });
const refusal = (status: number, message: string, more = {}) =>
  Response.json({ error: { message, ...more } }, { status });

type Body = Record<string, unknown> & { messages: { role: string; content: string }[] };

/** Scores one completion, or more, by a judge at an endpoint that answers the n-th request (from 0) as told. */
async function judge(
  answer: (body: Body, n: number) => Response,
  options: RubricJudgeOptions = {},
  completions = ["<answer>8</answer>"],
) {
  const bodies: Body[] = [], times: number[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    times.push(performance.now());
    bodies.push(await request.json());
    return answer(bodies.at(-1)!, bodies.length - 1);
  });
  const rubric = rubricJudge({
    baseURL: `http://127.0.0.1:${server.addr.port}/v1`,
    model: "j",
    apiKeyEnv: null,
    backoffMs: 1,
    retries: 2,
    ...options,
  });
  try {
    const all = [];
    for (const completion of completions) all.push(await rubric(sampleOf(completion)));
    return {
      score: all[0],
      scores: all,
      bodies,
      times,
      reasons: Object.keys(rubric.failures),
      counts: rubric.counts,
    };
  } finally {
    await server.shutdown();
  }
}

Deno.test("rubricJudge() learns from refusals how an endpoint wants to be asked, and asks so from then on", async () => {
  const picky: [name: string, refuse: (body: Body) => string | false, asked: number][] = [
    [
      "max_completion_tokens",
      (body) =>
        "max_tokens" in body &&
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      2,
    ],
    [
      "its own temperature",
      (body) =>
        "temperature" in body &&
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
      2,
    ],
    [
      "no json_schema",
      (body) =>
        (body.response_format as { type?: string })?.type === "json_schema" &&
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
      2,
    ],
    ["no response_format", (body) => "response_format" in body && "Unknown field: response_format", 3],
    ["no system role", (body) => body.messages[0].role === "system" && "System role not supported", 2],
  ];
  for (const [name, refuse, asked] of picky) {
    const answer = (body: Body) => {
      const complaint = refuse(body);
      return complaint ? refusal(400, complaint) : good();
    };
    const { scores, bodies, reasons } = await judge(answer, { retries: 0 }, [
      "<answer>8</answer>",
      "<answer>7</answer>",
    ]);
    assert.deepEqual([scores, reasons], [[0.8, 0.8], []], name);
    assert.equal(bodies.length, asked + 1, `${name}: the second completion needs one request`);
  }
  const all = (body: Body) =>
    picky.map(([, refuse]) => refuse(body)).find((complaint) => complaint !== false);
  const { score, bodies } = await judge((body) => all(body) ? refusal(400, String(all(body))) : good(), {
    retries: 0,
  });
  assert.equal(score, 0.8, "an endpoint that wants all of it");
  const last = bodies.at(-1)!;
  assert.deepEqual(Object.keys(last).sort(), ["max_completion_tokens", "messages", "model"]);
  assert.match(last.messages[0].content, /by a rubric[\s\S]*"completion":"<answer>8<\/answer>"/);
});

Deno.test("rubricJudge() sends what it is told to", async () => {
  const { bodies } = await judge(good, {
    maxTokens: 333,
    temperature: null,
    parameters: { reasoning_effort: "low" },
  });
  assert.deepEqual([bodies[0].max_tokens, bodies[0].reasoning_effort, "temperature" in bodies[0]], [
    333,
    "low",
    false,
  ]);
  const plain = (await judge(good)).bodies[0];
  assert.deepEqual([plain.max_tokens, plain.temperature], [2000, 0]);
});

Deno.test("rubricJudge() says why an endpoint gave no score, and asks again only where that can help", async () => {
  const cases: [name: string, answer: () => Response, reason: RegExp, requests: number][] = [
    [
      "reasoning cut off",
      () => choice({ content: null, reasoning_content: "First…" }, { finish_reason: "length" }),
      /^cut off at 200 tokens; raise maxTokens$/,
      1,
    ],
    [
      "JSON cut off",
      () => choice({ content: points.slice(0, 30) }, { finish_reason: "length" }),
      /^cut off at 200/,
      1,
    ],
    [
      "an error in a 200",
      () => Response.json({ error: { message: "Rate limit exceeded", code: 429 } }),
      /^an error in a 200: Rate limit exceeded$/,
      3,
    ],
    [
      "a lasting error in a 200",
      () => Response.json({ error: { message: "No such model: j does not exist" } }),
      /200: No such model/,
      1,
    ],
    [
      "an error in a choice",
      () =>
        Response.json({
          choices: [{ finish_reason: "error", error: { code: 502, message: "Provider died" } }],
        }),
      /200: Provider died/,
      3,
    ],
    [
      "a text for an error in a 200",
      () => Response.json({ error: "model is overloaded" }),
      /200: model is overloaded/,
      3,
    ],
    [
      "404",
      () => refusal(404, "The model `j` does not exist"),
      /^HTTP 404: The model `j` does not exist$/,
      1,
    ],
    [
      "no more money",
      () =>
        refusal(429, "You exceeded your current quota", {
          type: "insufficient_quota",
          code: "insufficient_quota",
        }),
      /^HTTP 429: You exceeded your current quota$/,
      1,
    ],
    ["402", () => refusal(402, "Payment required"), /^HTTP 402: Payment required$/, 1],
    [
      "Google's shape",
      () =>
        Response.json([{
          error: { code: 429, message: "Quota exceeded for minute", status: "RESOURCE_EXHAUSTED" },
        }], { status: 429 }),
      /^HTTP 429: Quota exceeded for minute$/,
      3,
    ],
    [
      "FastAPI's shape",
      () => Response.json({ detail: "Not Found" }, { status: 404 }),
      /^HTTP 404: Not Found$/,
      1,
    ],
    [
      "FastAPI's list",
      () => Response.json({ detail: [{ loc: ["body"], msg: "field required" }] }, { status: 422 }),
      /^HTTP 422: field required$/,
      1,
    ],
    [
      "vLLM's shape",
      () =>
        Response.json({ object: "error", message: "This model's maximum context length is 10", code: 400 }, {
          status: 400,
        }),
      /^HTTP 400: This model's maximum context/,
      1,
    ],
    [
      "a proxy's page",
      () =>
        new Response("<html><style>p{}</style><h1>502 Bad Gateway</h1></html>", {
          status: 502,
          headers: { "content-type": "text/html" },
        }),
      /^HTTP 502: 502 Bad Gateway$/,
      3,
    ],
    [
      "an endpoint that says not to",
      () => Response.json({}, { status: 503, headers: { "x-should-retry": "false" } }),
      /^HTTP 503$/,
      1,
    ],
    ["a filter", () => choice({ content: null }, { finish_reason: "content_filter" }), /content filter/, 1],
    ["a refusal", () => choice({ content: null, refusal: "I can't." }), /^the judge refused: I can't\.$/, 1],
  ];
  for (const [name, answer, reason, requests] of cases) {
    const { score, reasons, bodies } = await judge(answer, { maxTokens: 200 });
    assert.equal(score, null, name);
    assert.match(reasons[0], reason, name);
    assert.equal(bodies.length, requests, name);
  }
});

Deno.test("rubricJudge() reads replies in parts, in a complete JSON that hit the limit, and under a wrong content type", async () => {
  const replies = [
    () =>
      choice({
        content: [{ type: "text", text: points.slice(0, 9) }, { type: "text", text: points.slice(9) }],
      }),
    () => choice({ content: points }, { finish_reason: "length" }),
    () =>
      new Response(JSON.stringify({ choices: [{ message: { content: points } }] }), {
        headers: { "content-type": "text/plain" },
      }),
  ];
  for (const reply of replies) assert.equal((await judge(reply)).score, 0.8);
});

Deno.test("rubricJudge() waits as long as the endpoint asks: by date, in milliseconds, in its message", async () => {
  const soon = () => new Date(Date.now() + 2000).toUTCString(); // whole seconds: 1 to 2 s from now
  const cases: [Record<string, string>, string, least: number][] = [
    [{ "retry-after": soon() }, "slow down", 900], // first: its date is made now
    [{ "retry-after-ms": "150" }, "slow down", 145],
    [{}, "Rate limit reached. Please try again in 0.2s.", 195],
  ];
  for (const [headers, message, least] of cases) {
    const { score, times } = await judge((_, n) =>
      n === 0 ? Response.json({ error: { message } }, { status: 429, headers }) : good()
    );
    assert.equal(score, 0.8);
    assert.ok(times[1] - times[0] >= least, `${JSON.stringify(headers)}: ${times[1] - times[0]} ms`);
  }
  assert.equal(
    waitOf(new Headers({ "retry-after": new Date(0).toUTCString() })),
    undefined,
    "the date has passed",
  );
  assert.equal(waitOf(new Headers({ "retry-after": "soon" })), undefined);
});

Deno.test("rubricJudge() finds the only JSON object of a judge that is not held to JSON", async () => {
  const loose: Record<string, string> = {
    "in a fence": "```json\n" + points + "\n```",
    "after thinking": `<think>Perhaps {"reasoningQuality": 40}? No.</think>\n${points}`,
    "among words": `Here are the points: ${points}. {Not JSON} may follow.`,
  };
  for (const [name, content] of Object.entries(loose)) {
    assert.equal((await judge(() => choice({ content }), { responseFormat: "none" })).score, 0.8, name);
    const strict = await judge(() => choice({ content }), { retries: 0 });
    assert.deepEqual(
      strict.reasons,
      ["reply is not JSON"],
      `${name}: where JSON was asked for, it must be JSON`,
    );
  }
  for (
    const content of [
      `${points} or rather ${points.replace("30", "40")}`,
      "no points",
      "{".repeat(5000),
      "{{}",
    ]
  ) {
    const { score, reasons } = await judge(() => choice({ content }), { responseFormat: "none", retries: 0 });
    assert.deepEqual([score, reasons.length], [null, 1], content.slice(0, 40));
  }
  const charm = await judge(() => choice({ content: `{"points": ${points}}` }), {
    responseFormat: "none",
    retries: 0,
  });
  assert.deepEqual(charm.reasons, ["reply breaks the rubric's format"]);
  assert.deepEqual(soleObject('say {"a": "}{\\"", "b": {"c": 1}} now'), { a: '}{"', b: { c: 1 } });
});

Deno.test("mayHelp() and endpointError() read what endpoints send", () => {
  assert.equal(endpointError({ choices: [] }), null);
  assert.equal(endpointError(null), null);
  assert.equal(endpointError({ error: { message: "x".repeat(900) } })!.message.length, 200);
  const said = (message: string, code = "") => ({ message, code });
  assert.equal(mayHelp(429, said("Insufficient balance")), false);
  assert.equal(mayHelp(429, said("check quota, plan and billing details", "429 RESOURCE_EXHAUSTED")), true);
  assert.equal(mayHelp(null, said("something odd")), true);
  assert.equal(mayHelp(null, said("something odd", "400")), false);
});
