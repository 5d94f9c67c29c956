/**
 * What `work` comes to, or the signal's reason as soon as it aborts, whichever is first; work that goes on after that is
 * left alone, and what becomes of it is not looked at.
 *
 * @example
 * ```ts
 * const stop = new AbortController();
 * await untilAborted(Promise.resolve([0.5, 1]), stop.signal); // [0.5, 1], or the signal's reason
 * ```
 */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal | null): Promise<T> {
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    const leave = () => signal.removeEventListener("abort", abort);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
    work.then(resolve, reject).finally(leave);
  });
}
