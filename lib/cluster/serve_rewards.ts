import { timingSafeEqual } from "node:crypto";
import { PlainError } from "../display/plain_error.ts";
import type { FormatOption } from "../formats/format_schema.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import { parseOptions } from "../options/parse_options.ts";
import type { Reward } from "../rewards/reward.ts";
import { type Curriculum, curriculum as defaultCurriculum } from "../schedules/curriculum.ts";
import { RewardMetrics } from "./reward_metrics.ts";
import { serveRewardsSchema } from "./serve_rewards_schema.ts";
import type { ServeRewardsSettings } from "./serve_rewards_settings.ts";
import { nemoGym, openRlhf, plain, type RewardProtocol, RewardRequestError } from "./reward_protocols.ts";

/** Options of {@linkcode serveRewards}. */
export type ServeRewardsOptions = ServeRewardsSettings & {
  /** How answers are written and read, as the run has it. @default "tags" */
  format?: FormatOption;
  /** Names the phase of a step, which the trace score asks for. @default R3's three phases */
  curriculum?: Pick<Curriculum, "phaseAt">;
};

/** A running reward server. */
export interface RewardServer extends AsyncDisposable {
  /** Where it listens, such as `http://127.0.0.1:8000`. */
  url: string;
  /** The step that weights are annealed to, by completions counted. */
  readonly step: number;
  /** Ends when the server has stopped. */
  finished: Promise<void>;
  /** Takes no new request, answers those that it has, and stops. */
  close(): Promise<void>;
}

/** The server could not be started. */
export class RewardServerError extends PlainError {
  /** What tells it from other errors. */
  override name = "RewardServerError";
}

const protocols: Record<string, RewardProtocol> = {
  "/": openRlhf,
  "/get_reward": openRlhf,
  "/verify": nemoGym,
  "/score": plain,
};

const refusal = (status: number, error: string, headers: Record<string, string> = {}) =>
  Response.json({ error }, { status, headers });

/** A request's bytes, `null` past the limit, whatever its headers say. */
async function bodyWithin(request: Request, limit: number): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body ?? []) {
    size += part.length;
    if (size > limit) return null;
    parts.push(part);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Serves a reward over HTTP, annealed by step, to a trainer that runs elsewhere: OpenRLHF (`--reward.remote_url URL`, `POST /`), NeMo-Gym
 * (`POST /verify`) and a plain protocol, `POST /score {samples: [{prompt, completion, problem, step}]}`, that gives totals and components.
 *
 * Past `maxInFlight` completions a request is answered 429 with Retry-After and nothing of it is scored; a body past `maxBodyBytes` 413. A component
 * that hangs is ended by the reward's own time-out. `GET /health` says that it lives, `GET /metrics` what it has done, for Prometheus.
 *
 * @throws {ConfigError} for a wrong option, or a server beyond this machine without a token
 * @throws {RewardServerError} when the port is taken
 * @example
 * ```ts
 * import { compositeReward, serveRewards } from "../../mod.ts";
 * await using server = serveRewards(compositeReward({ preset: "r3" }), { steps: 100 });
 * const response = await fetch(`${server.url}/score`, {
 *   method: "POST",
 *   body: JSON.stringify({ samples: [{ completion: "<answer>8</answer>", problem: { question: "5 + 3?", answer: "8" }, step: 0 }] }),
 * });
 * const { results: [{ total }] } = await response.json();
 * ```
 */
export function serveRewards(reward: Reward, options: ServeRewardsOptions = {}): RewardServer {
  const { curriculum = defaultCurriculum(), format: named, ...given } = options,
    format = responseFormatOf(named);
  const { steps, samplesPerStep, hostname, port, token, maxInFlight, maxBodyBytes } = parseOptions(
    serveRewardsSchema,
    given,
    "serveRewards",
  );
  const metrics = new RewardMetrics();
  let inFlight = 0;
  const step = () => Math.min(steps - 1, Math.floor(metrics.samples / samplesPerStep));
  const authorised = (request: Request) => {
    if (token === null) return true;
    const [got, wanted] = [request.headers.get("authorization") ?? "", `Bearer ${token}`].map((text) =>
      new TextEncoder().encode(text)
    );
    return got.length === wanted.length && timingSafeEqual(got, wanted);
  };

  const score = async (request: Request, protocol: RewardProtocol): Promise<Response> => {
    const bytes = await bodyWithin(request, maxBodyBytes);
    if (!bytes) {
      return refusal(413, `a request may have ${maxBodyBytes} bytes; send fewer completions at once`);
    }
    let body: unknown;
    try {
      body = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch {
      return refusal(400, "the body must be JSON in UTF-8");
    }
    const at = step(),
      samples = protocol.read(body, { format, step: at, steps, phase: curriculum.phaseAt(at, steps).name });
    if (samples.length > maxInFlight) {
      return refusal(413, `a request may hold ${maxInFlight} completions, this one holds ${samples.length}`);
    }
    if (inFlight + samples.length > maxInFlight) {
      return refusal(429, `${inFlight} completions are being scored: come again`, { "retry-after": "1" });
    }
    inFlight += samples.length;
    try {
      const results = await reward.score(samples);
      metrics.scored(results);
      return Response.json(protocol.write(results, body));
    } finally {
      inFlight -= samples.length;
    }
  };

  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (request.method === "GET" && pathname === "/health") {
      return Response.json({ status: "ok", step: step() });
    }
    if (!authorised(request)) return refusal(401, "Authorization: Bearer must hold the server's token");
    if (request.method === "GET" && pathname === "/metrics") {
      return new Response(metrics.text({ step: step(), inFlight }), {
        headers: { "content-type": "text/plain; version=0.0.4" },
      });
    }
    if (!Object.hasOwn(protocols, pathname)) {
      return refusal(404, `there is POST ${Object.keys(protocols).join(", ")}, GET /health, /metrics`);
    }
    if (request.method !== "POST") return refusal(405, "POST a body", { allow: "POST" });
    try {
      return await score(request, protocols[pathname]);
    } catch (error) {
      return error instanceof RewardRequestError
        ? refusal(400, error.message)
        : refusal(500, error instanceof Error ? error.message : String(error));
    }
  };

  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({ hostname, port, onListen() {} }, async (request) => {
      const started = performance.now(),
        response = await answer(request),
        { pathname } = new URL(request.url);
      const known = Object.hasOwn(protocols, pathname) || ["/health", "/metrics"].includes(pathname);
      metrics.answered(known ? pathname : "other", response.status, (performance.now() - started) / 1000);
      return response;
    });
  } catch (error) {
    throw new RewardServerError(
      `serving rewards on ${hostname}:${port}: the address must be free (${
        (error as Error).message
      }); choose another port`,
    );
  }
  const close = () => server.shutdown();
  const { hostname: address, port: bound } = server.addr;
  return {
    url: `http://${address.includes(":") ? `[${address}]` : address}:${bound}`,
    get step() {
      return step();
    },
    finished: server.finished,
    close,
    [Symbol.asyncDispose]: close,
  };
}
