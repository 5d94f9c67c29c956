import * as tf from "@tensorflow/tfjs";
import type { Decoder, LoraValues } from "./decoder.ts";

/** Copies an adapter's matrices to the heap, and returns what puts them back and the adapter to use. */
export async function keepAdapter(decoder: Decoder, name: string): Promise<() => void> {
  const kept: {
    module: string;
    a: Float32Array;
    b: Float32Array;
    shapes: [number, number][];
    rest: object;
  }[] = [];
  for (const [module, { a, b, ...rest }] of decoder.loraPairs(name)) {
    const [first, second] = [await a.data(), await b.data()] as Float32Array[];
    kept.push({ module, a: first.slice(), b: second.slice(), shapes: [a.shape, b.shape], rest });
  }
  return () => {
    const pairs = new Map(kept.map(({ module, a, b, shapes, rest }) => [
      module,
      { a: tf.tensor2d(a, shapes[0]), b: tf.tensor2d(b, shapes[1]), ...rest },
    ])) as LoraValues;
    decoder.addAdapter(pairs, name);
    for (const { a, b } of pairs.values()) tf.dispose([a, b]);
  };
}
