import { PlainError } from "../display/plain_error.ts";

/** A tracking service could not be reached, or refused what it was sent. */
export class TrackingError extends PlainError {
  /** What tells it from other errors. */
  override name = "TrackingError";
}

/** Numbers that JSON has not, by their names: as both clients in Python write them. */
export function namedNumbers<T>(values: Record<string, T>): Record<string, T | string> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
    ]),
  );
}

/** Sends JSON and gives back the JSON that is answered. @throws {TrackingError} for anything but an answer of status 2xx */
export async function postJson(
  url: string,
  body: unknown,
  { headers = {}, timeoutMs }: { headers?: Record<string, string>; timeoutMs: number },
): Promise<Record<string, unknown>> {
  const fault = (why: string) => new TrackingError(`sending metrics to ${url}: ${why}`);
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw fault(
      (error as Error).name === "TimeoutError"
        ? `no answer within ${timeoutMs} ms`
        : (error as Error).message,
    );
  }
  const said = await response.text().catch(() => "");
  if (!response.ok) throw fault(`status ${response.status}: ${said.slice(0, 300)}`);
  try {
    return JSON.parse(said || "{}");
  } catch {
    throw fault(`it answered what is no JSON: ${said.slice(0, 100)}`);
  }
}
