import * as tf from "@tensorflow/tfjs";

/**
 * Tokens that go through the model at once, forward and backward. On the CPU a pass of 1024 is as fast as a larger one, and its
 * activations take a third of the memory; a GPU wants much work a launch.
 */
const tokensAtOnce = () => tf.getBackend() === "webgpu" ? 1 << 15 : 1 << 10;

/**
 * Cuts a batch into runs of neighbours that go through the model one after the other: `size` items each, or as many as
 * {@linkcode tokensAtOnce} holds when `size` is null. The longest is never cut: it goes alone.
 *
 * @example
 * ```ts
 * for (const [from, some] of microBatches(items, { size: null, length: ({ ids }) => ids.length })) {
 *   train(some, from);
 * }
 * ```
 */
export function* microBatches<T>(
  items: readonly T[],
  { size, length }: { size: number | null; length: (item: T) => number },
): Generator<[from: number, some: T[]]> {
  const limit = tokensAtOnce();
  for (let from = 0; from < items.length;) {
    let to = from, tokens = 0;
    while (
      to < items.length &&
      (size === null ? to === from || tokens + length(items[to]) <= limit : to - from < size)
    ) {
      tokens += length(items[to++]);
    }
    yield [from, items.slice(from, to)];
    from = to;
  }
}
