/** Judge endpoints with their own ways. */
import type { Outcome, Replays, Tree } from "./replay.ts";

const points = JSON.stringify({
  reasoningQuality: 30,
  answerCorrectness: 30,
  traceCoherence: 15,
  stepClarity: 5,
});

const reply = (content: string | null, more: Record<string, unknown> = {}, end = "stop") =>
  Response.json({
    choices: [{ index: 0, finish_reason: end, message: { role: "assistant", content, ...more } }],
  });
const refused = (status: number, error: Record<string, unknown>, headers: Record<string, string> = {}) =>
  Response.json({ error }, { status, headers });

/** The score, the reasons for none, and the requests of one completion judged by an endpoint that answers so. */
async function judged(
  { showwork }: Tree,
  answer: (body: Record<string, unknown>, n: number) => Response,
  options: Record<string, unknown> = {},
) {
  const times: number[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    times.push(performance.now());
    return answer(await request.json(), times.length - 1);
  });
  const rubric = showwork.rubricJudge({
    baseURL: `http://127.0.0.1:${server.addr.port}/v1`,
    model: "j",
    apiKeyEnv: null,
    backoffMs: 1,
    retries: 2,
    ...options,
  });
  const completion = "<reasoning>5+3=8</reasoning><answer>8</answer>";
  try {
    const score = await rubric({
      prompt: "5+3?",
      completion,
      ids: [],
      tokens: [],
      tokenLogprobs: null,
      problem: { id: "p", question: "5+3?", answer: "8", difficulty: "easy", domain: "maths" },
      step: 0,
      steps: 1,
      phase: "easy",
    } as never);
    return { score, reasons: Object.keys(rubric.failures).join("; "), asked: times.length, times };
  } finally {
    await server.shutdown();
  }
}

const fair = (score: unknown) => typeof score === "number" && Math.abs(score - 0.8) < 1e-9;

/** Inputs of the kind F1. */
export const replays: Replays = {
  "endpoint that answers 400: use max_completion_tokens": async (tree) => {
    const { score, reasons } = await judged(
      tree,
      (body) =>
        "max_tokens" in body
          ? refused(400, {
            message: "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            param: "max_tokens",
          })
          : "temperature" in body && body.temperature !== 1
          ? refused(400, {
            message: "Unsupported value: 'temperature'. Only the default (1) is supported.",
            param: "temperature",
          })
          : reply(points),
    );
    return { came: fair(score) ? "0.8" : reasons, right: fair(score) };
  },
  "reasoning judge: content null": async (tree) => {
    const cut = () => reply(null, { reasoning_content: "Let me think" }, "length");
    const { reasons } = await judged(tree, cut);
    const { score } = await judged(
      tree,
      (body) => Number(body.max_tokens ?? body.max_completion_tokens) >= 4000 ? reply(points) : cut(),
      { maxTokens: 4000 },
    )
      .catch((error: Error): { score: unknown } => ({ score: error.message }));
    return { came: `${reasons}; with maxTokens ${score}`, right: /cut off/.test(reasons) && fair(score) };
  },
  "HTTP 200 with {error:{message:'Rate limit exceeded'}}": async (tree) => {
    const cases: [Response[], RegExp, number | null][] = [
      [[Response.json({ error: { message: "Rate limit exceeded" } })], /Rate limit exceeded/, null],
      [[refused(404, { message: "model does not exist" })], /model does not exist/, 1],
      [
        [refused(429, { message: "You exceeded your current quota", code: "insufficient_quota" })],
        /quota/,
        1,
      ],
    ];
    const came: Outcome[] = [];
    for (const [[response], what, requests] of cases) {
      const { reasons, asked } = await judged(tree, () => response.clone());
      came.push({
        came: `${reasons} (${asked})`,
        right: what.test(reasons) && (requests === null || asked === requests),
      });
    }
    return { came: came.map((one) => one.came).join(" | "), right: came.every(({ right }) => right) };
  },
  "429 with Retry-After: <HTTP date 3 s ahead>": async (tree) => {
    const waits = [];
    for (
      const headers of [
        () => ({ "retry-after": new Date(Date.now() + 3000).toUTCString() }),
        () => ({ "retry-after-ms": "1500" }),
      ]
    ) {
      const { times } = await judged(
        tree,
        (_, n) => n ? reply(points) : refused(429, { message: "slow" }, headers() as never),
      );
      waits.push(Math.round(times[1] - times[0]));
    }
    // a date has whole seconds
    return { came: `waited ${waits.join(" and ")} ms`, right: waits[0] > 1500 && waits[1] > 1400 };
  },
  "JSON in a code fence, or after <think>": async (tree) => {
    const scores = [];
    for (const content of [`\`\`\`json\n${points}\n\`\`\``, `<think>Fair.</think>\n${points}`]) {
      scores.push((await judged(tree, () => reply(content), { responseFormat: "none" })).score);
    }
    return { came: scores.join(), right: scores.every(fair) };
  },
};
