/** What `value` shows in a notebook, by media type. */
// deno-lint-ignore no-explicit-any -- a test reads text and objects from it
export async function mediaBundle(value: object): Promise<Record<string, any>> {
  return await (value as Record<symbol, () => unknown>)[Symbol.for("Jupyter.display")]() as Record<
    string,
    unknown
  >;
}
