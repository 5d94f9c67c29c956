/**
 * Gives the event loop a turn, so that a pressed stop button is seen, and throws the signal's reason if it was pressed twice. A
 * timer, because setImmediate lets up to ten turns pass before a signal is seen.
 *
 * @example
 * ```ts
 * const { signal } = new AbortController();
 * for (const part of [1, 2, 3]) {
 *   await breathe(signal);
 *   console.log(part);
 * }
 * ```
 */
export async function breathe(signal: AbortSignal): Promise<void> {
  await new Promise((done) => setTimeout(done));
  signal.throwIfAborted();
}
