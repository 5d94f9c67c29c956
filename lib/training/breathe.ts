/**
 * Gives the event loop a turn, so that a pressed stop button is seen, and throws the signal's reason if it was pressed twice. A
 * timer, because setImmediate lets up to ten turns pass before a signal is seen.
 *
 * @example
 * ```ts ignore
 * for (const part of parts) {
 *   await breathe(signal);
 *   train(part);
 * }
 * ```
 */
export async function breathe(signal: AbortSignal): Promise<void> {
  await new Promise((done) => setTimeout(done));
  signal.throwIfAborted();
}
