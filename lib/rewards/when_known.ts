/** Whether something can be awaited; a promise of another realm, such as a kernel's, is no `Promise` here. */
export const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  (typeof value === "object" || typeof value === "function") && value !== null &&
  typeof (value as { then?: unknown }).then === "function";

/** Goes on with a value: at once when it is known, later when it is promised. */
export function whenKnown<T, U>(value: T | Promise<T>, use: (value: T) => U): U | Promise<U> {
  return isPromise(value) ? Promise.resolve(value as Promise<T>).then(use) : use(value as T);
}
