import { HubError } from "../weights/hub.ts";

/** Options of {@linkcode persistentFetch}. */
export interface PersistentFetchOptions {
  /** What messages begin with: `pushing to me/demo`. */
  doing: string;
  /** Attempts after a cut, a 409 of a commit, a 429 or a 5xx. */
  retries: number;
  /** Waits between attempts, in seconds. */
  wait: (seconds: number) => Promise<void>;
  /** What a refused token means. */
  refused: (status: number) => string;
  /** Takes out what no message may hold. */
  scrub: (text: string) => string;
}

/**
 * A `fetch` for the hub's client that tries again by itself, and reads every answer to its end, so that a cut there is seen. The client
 * loses or lets fall unheard what goes wrong while files are uploaded side by side, which ends a Deno process; so what remains wrong never
 * reaches it: that request stays unanswered, and `failure` rejects with a {@linkcode HubError}.
 */
export function persistentFetch(
  { doing, retries, wait, refused, scrub }: PersistentFetchOptions,
): { fetch: typeof fetch; failure: Promise<never> } {
  const { promise: failure, reject } = Promise.withResolvers<never>(), never = new Promise<never>(() => {});
  let failed = false;
  // heard by whoever waits for it, and not unhandled where nobody does
  failure.catch(() => {});
  const fail = (message: string) => {
    failed = true;
    reject(new HubError(scrub(`${doing}: ${message}`)));
    return never;
  };
  const persistent: typeof fetch = async (input, init) => {
    const { pathname, origin } = new URL(input instanceof Request ? input.url : input);
    for (let made = 0; !failed; made++) {
      let why: string;
      try {
        const answer = await fetch(input, init), body = await answer.arrayBuffer(), { status } = answer;
        const there = /\/api\/repos\/create$/.test(pathname) && status === 409;
        if (answer.ok || there) return new Response(body, { status, headers: answer.headers });
        if (status === 401 || status === 403) return await fail(refused(status));
        why = `${origin} answered ${status}${said(body)}`;
        if (status !== 409 && status !== 412 && status !== 429 && status < 500) return await fail(why);
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
      }
      if (made >= retries) {
        return await fail(
          `failed ${made + 1} times; ${why}. What was uploaded stays there: call again to go on`,
        );
      }
      await wait(2 ** made);
    }
    return await never;
  };
  return { fetch: persistent, failure };
}

/** The hub's own words, where an answer has some. */
function said(body: ArrayBuffer): string {
  try {
    const { error } = JSON.parse(new TextDecoder().decode(body));
    return typeof error === "string" ? `: ${error}` : "";
  } catch {
    return "";
  }
}
