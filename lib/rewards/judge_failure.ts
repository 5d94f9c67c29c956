/** A failure with the reason under which it is counted, and whether another attempt may help. */
export class JudgeFailure extends Error {
  /** @param waitMs How long the endpoint asked to wait, in milliseconds. */
  constructor(readonly reason: string, readonly again: boolean, readonly waitMs?: number) {
    super(reason);
  }
}

/** What an endpoint said instead of an answer. */
export interface EndpointError {
  message: string;
  /** Its `code`, `type` and `status`, those that it has, separated by spaces. */
  code: string;
}

const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What will not change by asking again, in the codes that endpoints use, or in words where they send none. */
const lasting =
  /insufficient[ _](?:quota|balance|credits?|funds)|billing|payment|credit|arrears|model_not_found|invalid_api_key|invalid_request|not_found_error|authentication|permission|context_length|content_(?:policy|filter)/i;
const lastingWords =
  /does not exist|not found|no such model|unknown model|unauthori[sz]ed|api key|access denied|forbidden|unsupported|not supported|maximum context|too long/i;

/**
 * The endpoint's own words in a body of any shape in use: OpenAI's and Google's `error`, FastAPI's `detail`, a bare `message`, lists
 * of these, or text; `null` when there are none.
 */
export function endpointError(body: unknown): EndpointError | null {
  if (typeof body === "string") {
    const message = body.replace(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/gi, " ").replace(/\s+/g, " ").trim();
    return message === ""
      ? null
      : { message: message.length > 200 ? message.slice(0, 199) + "…" : message, code: "" };
  }
  if (Array.isArray(body)) return endpointError(body[0]);
  if (!isGroup(body)) return null;
  const code = [body.code, body.type, body.status].filter((each) =>
    typeof each === "string" || typeof each === "number"
  ).join(" ");
  for (const key of ["error", "message", "detail", "msg", "errors"]) {
    const inner = endpointError(body[key]);
    if (inner) return { message: inner.message, code: inner.code || code };
  }
  return null;
}

/** Whether asking again may help after an HTTP status, or after an error inside a 200 (`status` null). */
export function mayHelp(status: number | null, { message, code }: EndpointError): boolean {
  if (lasting.test(code) || (code.replace(/\d/g, "").trim() === "" && lasting.test(message))) return false;
  const effective = status ?? Number(/\b[45]\d\d\b/.exec(code)?.[0] ?? NaN);
  if (Number.isNaN(effective)) return !lastingWords.test(message);
  return [408, 409, 425, 429].includes(effective) || effective >= 500;
}

/** How long an endpoint asks to wait, in milliseconds: `retry-after-ms`, `Retry-After` in seconds or as a date, or its message. */
export function waitOf(headers: Headers, message = ""): number | undefined {
  const inMs = Number(headers.get("retry-after-ms"));
  if (inMs > 0) return inMs;
  const after = headers.get("retry-after") ?? "", seconds = Number(after);
  if (seconds > 0) return 1000 * seconds;
  const date = Date.parse(after) - Date.now();
  if (date > 0) return date;
  const said = /try again in (\d+(?:\.\d+)?) ?(ms|s|m)\b/i.exec(message);
  return said
    ? Number(said[1]) * { ms: 1, s: 1000, m: 60_000 }[said[2].toLowerCase() as "ms" | "s" | "m"]
    : undefined;
}
