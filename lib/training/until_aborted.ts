/**
 * What `work` comes to, or the signal's reason as soon as it aborts, whichever is first; work that goes on after that is
 * left alone, and what becomes of it is not looked at.
 *
 * @example
 * ```ts ignore
 * const scores = await untilAborted(reward.score(samples), stop.signal);
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
