import { endpointError, JudgeFailure, mayHelp, waitOf } from "./judge_failure.ts";

/** What {@linkcode judgeEndpoint} asks with. */
export interface JudgeEndpointOptions {
  baseURL: string;
  model: string;
  /** The key, read anew for each request. */
  key: () => string;
  timeoutMs: number;
  maxTokens: number;
  /** `null`: none is sent. */
  temperature: number | null;
  /** Further parameters of the request's body. */
  parameters: Record<string, unknown>;
  /** The body's `response_format` by the way in which the reply's form is asked for. */
  formats: Record<ReplyFormat, Record<string, unknown>>;
  responseFormat: ReplyFormat;
  /** Called before each request. */
  onRequest: () => void;
}

/** How the reply's form is asked for, from the strictest. */
export type ReplyFormat = "json_schema" | "json_object" | "none";

/** A reply, and how its form had been asked for. */
export interface JudgeReply {
  text: string;
  format: ReplyFormat;
}

const longestReply = 200_000;

/** How the endpoint wants to be asked, as its refusals have taught. */
interface Manner {
  limit: "max_tokens" | "max_completion_tokens";
  temperature: boolean;
  format: ReplyFormat;
  /** Whether instructions come as a message of their own. */
  system: boolean;
}

/** What a refusal complains of, and the manner that avoids it; `null` when the request already had that manner. */
const lessons: [RegExp, (sent: Manner) => Partial<Manner> | null][] = [
  [
    /max_completion_tokens/i,
    ({ limit }) => limit === "max_tokens" ? { limit: "max_completion_tokens" } : null,
  ],
  [/temperature/i, ({ temperature }) => temperature ? { temperature: false } : null],
  [
    /response_format|json_schema|json_object|structured output|guided/i,
    ({ format }) => format === "none" ? null : { format: format === "json_schema" ? "json_object" : "none" },
  ],
  [
    /system (?:role|message|prompt)|role.{0,20}system|'?system'? .{0,30}not support|roles must alternate/i,
    ({ system }) => system ? { system: false } : null,
  ],
];

/** Further requests that learning this may cost one question. */
export const mostLessons = 5;

/**
 * One request's fetch with a bound on the reply's size, since a judge that never stops talking must not fill the memory, and a way to end it
 * for good: the client's own signal now and then fails to (it holds its listener weakly), and then the connection stays open.
 */
function boundedFetch() {
  const ended = new AbortController(), open = new Set<ReadableStreamDefaultReader<Uint8Array>>();
  const decoder = new TextDecoder();
  let received = "";
  async function fetchBounded(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    const response = await fetch(input, { ...init, signal: ended.signal });
    if (!response.body) return response;
    const reader = response.body.getReader();
    let size = 0;
    open.add(reader);
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        size += value.length;
        if (size > longestReply) throw new JudgeFailure(`reply longer than ${longestReply} bytes`, true);
        received += decoder.decode(value, { stream: true });
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    });
    return new Response(body, response);
  }
  const hangUp = () => {
    ended.abort();
    for (const reader of open) reader.cancel().catch(() => {});
  };
  return { fetchBounded, hangUp, received: () => received };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Choice {
  finish_reason?: string;
  error?: unknown;
  message?: { content?: unknown; refusal?: unknown; reasoning?: unknown; reasoning_content?: unknown };
}

/** The text of an answer, which some endpoints send in parts. */
function contentOf({ message }: Choice): string {
  const content = message?.content;
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => typeof part === "string" ? part : part?.text ?? "").join("");
}

/**
 * A model behind an OpenAI-compatible endpoint, which is asked once a call. A refusal that names a parameter (`max_tokens`, the
 * temperature, `response_format`, the system role) is answered by asking without it, and the endpoint is asked so from then on.
 *
 * `ask` throws {@linkcode JudgeFailure} with the endpoint's own message.
 */
export function judgeEndpoint(options: JudgeEndpointOptions) {
  const { baseURL, model, key, timeoutMs, maxTokens, temperature, parameters, formats, onRequest } = options;
  const manner: Manner = {
    limit: "max_tokens",
    temperature: temperature !== null,
    format: options.responseFormat,
    system: true,
  };

  async function request(instructions: string, content: string, sent: Manner): Promise<JudgeReply> {
    const { default: OpenAI } = await import("openai");
    const { fetchBounded, hangUp, received } = boundedFetch();
    const client = new OpenAI({
      baseURL,
      apiKey: key(),
      adminAPIKey: null,
      organization: null,
      project: null,
      maxRetries: 0,
      timeout: 2 * timeoutMs, // ours ends it first
      logLevel: "off",
      fetch: fetchBounded,
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new JudgeFailure(`no reply within ${timeoutMs} ms`, true)), timeoutMs);
    });
    const work = async () => {
      const response = await client.chat.completions.create({
        model,
        messages: sent.system
          ? [{ role: "system", content: instructions }, { role: "user", content }]
          : [{ role: "user", content: `${instructions}\n\n${content}` }],
        [sent.limit]: maxTokens,
        ...(sent.temperature ? { temperature: temperature! } : {}),
        ...formats[sent.format],
        ...parameters,
      }).asResponse();
      return { text: await response.text(), headers: response.headers };
    };
    onRequest();
    let reply: Awaited<ReturnType<typeof work>>;
    try {
      reply = await Promise.race([work(), late]);
    } catch (error) {
      if (error instanceof JudgeFailure) throw error;
      if (error instanceof OpenAI.APIError && typeof error.status === "number") {
        const { status } = error, headers = error.headers ?? new Headers();
        const said = endpointError(parsed(received()) ?? received()) ?? { message: "", code: "" };
        const told = headers.get("x-should-retry");
        throw new JudgeFailure(
          `HTTP ${status}${said.message ? `: ${said.message}` : ""}`,
          told ? told === "true" : mayHelp(status, said),
          waitOf(headers, said.message),
        );
      }
      const { cause } = error as { cause?: unknown };
      if (cause instanceof JudgeFailure) throw cause;
      const last = cause instanceof Error ? cause : error;
      throw new JudgeFailure(`connection: ${last instanceof Error ? last.message : String(last)}`, true);
    } finally {
      clearTimeout(timer);
      hangUp();
    }
    const body = parsed(reply.text) as { choices?: Choice[]; error?: unknown } | undefined;
    const choice = Array.isArray(body?.choices) ? body.choices[0] : undefined;
    const said = endpointError(choice ? body?.error ?? choice.error : body);
    if (said) {
      throw new JudgeFailure(
        `an error in a 200: ${said.message}`,
        mayHelp(null, said),
        waitOf(reply.headers, said.message),
      );
    }
    const text = choice ? contentOf(choice) : "";
    if (choice?.finish_reason === "content_filter") {
      throw new JudgeFailure("withheld by the endpoint's content filter", false);
    }
    const refusal = choice?.message?.refusal;
    if (text === "" && typeof refusal === "string" && refusal !== "") {
      throw new JudgeFailure(`the judge refused: ${endpointError(refusal)?.message ?? ""}`, false);
    }
    if (choice?.finish_reason === "length" && parsed(text) === undefined) {
      throw new JudgeFailure(`cut off at ${maxTokens} tokens; raise maxTokens`, (temperature ?? 1) > 0);
    }
    return { text, format: sent.format };
  }

  /** Puts a question, learning from refusals how the endpoint wants to be asked. */
  async function ask(instructions: string, content: string): Promise<JudgeReply> {
    for (;;) {
      const sent = { ...manner };
      try {
        return await request(instructions, content, sent);
      } catch (error) {
        if (!(error instanceof JudgeFailure) || !/^HTTP 4(?:00|22)\b|^an error in a 200/.test(error.reason)) {
          throw error;
        }
        const lesson = lessons.map(([complaint, learn]) => complaint.test(error.reason) ? learn(sent) : null)
          .find((each) => each !== null);
        if (!lesson) throw error;
        Object.assign(manner, lesson);
      }
    }
  }
  return { ask };
}
