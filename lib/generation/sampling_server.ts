import { PlainError } from "../display/plain_error.ts";

/** A sampling server could not be asked, or answered what cannot be used. The run's state before the step is whole: it can be resumed. */
export class SamplerError extends PlainError {
  /** What tells it from other errors. */
  override name = "SamplerError";
}

/** A fault that another attempt may not have. */
export class PassingFault extends Error {}

/** What {@linkcode SamplingServer} is asked with. */
export interface SamplingServerOptions {
  baseURL: string;
  timeoutMs: number;
  retries: number;
  /** Environment variable that holds the key; `null`: none is sent. */
  apiKeyEnv: string | null;
}

/** A server that is asked by POST with JSON; after a fault that may pass it is asked again. */
export class SamplingServer {
  readonly root: string;

  constructor(readonly options: SamplingServerOptions) {
    this.root = options.baseURL.replace(/\/+(v1\/?)?$/, "");
  }

  /** Asks once. @throws {PassingFault} for a fault that may pass; {@linkcode SamplerError} for another */
  async ask(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
    const { timeoutMs, apiKeyEnv } = this.options, limit = AbortSignal.timeout(timeoutMs);
    const key = apiKeyEnv && Deno.env.get(apiKeyEnv);
    let response: Response;
    try {
      response = await fetch(`${this.root}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(key ? { authorization: `Bearer ${key}` } : {}) },
        body: JSON.stringify(body),
        signal: signal ? AbortSignal.any([limit, signal]) : limit,
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new PassingFault(limit.aborted ? `no answer within ${timeoutMs} ms` : (error as Error).message);
    }
    if (response.ok) return response;
    const said = `status ${response.status}: ${(await response.text()).slice(0, 500)}`;
    if ([408, 409, 425, 429].includes(response.status) || response.status >= 500) {
      throw new PassingFault(said);
    }
    throw new SamplerError(`asking ${this.root}${path}: ${said}`);
  }

  /**
   * Asks until there is an answer that `read` takes, waiting longer each time.
   *
   * @throws {SamplerError} when no attempt succeeds
   */
  async insist<T>(
    path: string,
    body: unknown,
    read: (response: Response) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const { retries } = this.options;
    for (let attempt = 0;; attempt++) {
      try {
        return await read(await this.ask(path, body, signal));
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof SamplerError) throw error;
        if (attempt === retries) {
          throw new SamplerError(
            `asking ${this.root}${path}: the server must answer, and after ${attempt + 1} attempts ${
              (error as Error).message
            }; see that it runs, then resume the run`,
          );
        }
        await new Promise((done) => setTimeout(done, 250 * 2 ** attempt));
      }
    }
  }
}
