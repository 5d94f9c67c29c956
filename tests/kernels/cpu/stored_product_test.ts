import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { generate } from "../../../lib/generation/generate.ts";
import { startEngine } from "../../../lib/kernels/cpu/engine.ts";
import { frozenRoom } from "../../../lib/kernels/frozen_room.ts";
import { halvesTensor, quantisedTensor, storedValues } from "../../../lib/kernels/stored_form.ts";
import { Decoder } from "../../../lib/models/decoder.ts";
import type { DecoderConfig } from "../../../lib/models/decoder_config.ts";
import { initialWeights } from "../../../lib/models/initial_weights.ts";
import { joined, type StoredMatrix } from "../../../lib/kernels/cpu/stored_product.ts";
import { embedding } from "../../../lib/ops/embedding.ts";
import { project } from "../../../lib/ops/projection.ts";
import { tokenLogprobs } from "../../../lib/ops/token_logprobs.ts";
import { packHalf } from "../../../lib/weights/pack_half.ts";
import { quantiseMatrix } from "../../../lib/weights/quantise_matrix.ts";
import { plainConfig, tinyConfig } from "../webgpu/tiny_decoder.ts";
import { cpuEngines, gaussian, testOnCpu } from "./on_cpu.ts";

type Make = (values: Float32Array, shape: [number, number]) => tf.Tensor2D;

/** Groups of 16 with a centre, as GGUF's Q6_K has them. */
const sixteens: Make = (values, shape) => {
  const codes = Uint8Array.from(values, (value) => Math.max(0, Math.min(63, Math.round(value * 12) + 32)));
  const scales = Float32Array.from({ length: values.length / 16 }, (_, i) => (1 + i % 3) / 16);
  return quantisedTensor({ shape, bits: 8, group: 16, centre: 32, codes, scales, offsets: null });
};

/** All of them lie outside tfjs's heap. */
const stores: Record<string, Make> = {
  "8 bits": (values, shape) => quantisedTensor(quantiseMatrix(values, shape, 8)),
  "4 bits": (values, shape) => quantisedTensor(quantiseMatrix(values, shape, 4)),
  "8 bits in groups of 16": sixteens,
  float16: (values, shape) => halvesTensor(packHalf(values, "w"), shape, "float16"),
  "float32 outside the heap": (values, shape) => {
    const room = frozenRoom(shape, "float32");
    room.values.set(values);
    return room.tensor();
  },
  // the upper halves of float32 are bfloat16
  bfloat16: (values, shape) =>
    halvesTensor(
      new Int32Array(Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16).buffer),
      shape,
      "bfloat16",
    ),
};

/** What three operations give with a matrix in the place of weight and table, and their gradients. */
function results(matrix: tf.Tensor2D, columns: number): number[][] {
  return tf.tidy(() => {
    const x = tf.tensor2d(gaussian(37 * columns, 3), [37, columns]),
      ids = tf.tensor1d([5, 0, 69, 5], "int32");
    const targets = tf.tensor1d(Array.from({ length: 37 }, (_, i) => i * 7 % 70), "int32");
    const lora = {
      a: tf.tensor2d(gaussian(3 * columns, 4), [3, columns]),
      b: tf.tensor2d(gaussian(210, 5), [70, 3]),
      scale: 0.3,
    };
    const twice = [{ weight: matrix, trainable: false, lora }, { weight: matrix, trainable: false }];
    const projected = tf.valueAndGrad((x) => tf.sum(tf.sin(project(x as tf.Tensor2D, twice))));
    const logged = tf.valueAndGrad((x) => {
      const { logprobs, entropy, hits } = tokenLogprobs(x as tf.Tensor2D, matrix, targets, {
        tableTrainable: false,
      });
      tf.dispose([entropy, hits]);
      return tf.sum(tf.sin(logprobs));
    });
    return [
      embedding(ids, matrix, 2),
      project(x, twice),
      projected(x).grad,
      logged(x).value,
      logged(x).grad,
    ].map((tensor) => [...tensor.dataSync()]);
  });
}

for (const { name, ...options } of cpuEngines) {
  testOnCpu(`products and embeddings take matrices of few bits as what they hold: ${name}`, async () => {
    await startEngine(options);
    for (const [kind, make] of Object.entries(stores)) {
      for (const columns of [32, 96, 1056]) {
        const stored = make(gaussian(70 * columns, 1), [70, columns]), values = await storedValues(stored);
        const plain = tf.tensor2d(values, [70, columns]);
        const [expected, actual] = [results(plain, columns), results(stored, columns)];
        for (const [i, part] of expected.entries()) {
          const scale = Math.max(...part.map(Math.abs));
          part.forEach((value, j) =>
            assert.ok(
              Math.abs(value - actual[i][j]) <= 1e-4 * scale,
              `${kind}, ${columns} columns, result ${i}: ${actual[i][j]}, expected ${value}`,
            )
          );
        }
        tf.dispose([stored, plain]);
      }
    }
  });
}

const wide = { hiddenSize: 64, intermediateSize: 96, headDim: 16 };
for (const base of [tinyConfig, plainConfig]) {
  testOnCpu(
    `generate() draws from matrices of few bits what it draws from their numbers: ${base.architecture}`,
    async () => {
      for (const options of [{ threads: 2 }, { threads: 1, blas: false }]) {
        await startEngine(options);
        const config: DecoderConfig = { ...base, ...wide };
        const weights = initialWeights(config, { seed: 3, standardDeviation: 0.2 });
        for (const [kind, make] of Object.entries(stores)) {
          const few = new Decoder(
            config,
            weights.map(([name, { shape, data }]) =>
              shape.length === 2 ? [name, make(data, shape as [number, number])] : [name, { shape, data }]
            ),
            { frozen: kind.startsWith("float32") },
          );
          const numbers: typeof weights = [];
          for (const name of few.names) {
            numbers.push([name, { shape: few.shape(name), data: await few.values(name) }]);
          }
          const same = new Decoder(config, numbers);
          const draw = (decoder: Decoder) =>
            generate(decoder, [[5, 6], [1, 2, 3, 4]], { maxTokens: 12, n: 2, seed: 8, eosIds: [] });
          const [drawn, expected] = [await draw(few), await draw(same)];
          assert.deepEqual(drawn.map(({ tokens }) => tokens), expected.map(({ tokens }) => tokens), kind);
          assert.equal(few.trainBase, false, kind);
          few.dispose();
          same.dispose();
        }
      }
    },
  );
}

Deno.test("joined() makes neighbours that lie one behind the other and are stored alike one matrix", () => {
  const matrix = (address: number, rows: number, kind = 2): StoredMatrix => ({
    ...{ address, rows, columns: 64, words: 32, kind },
    ...{ group: 32, centre: 0, offsets: 0 },
  });
  const bytes = (rows: number) => rows * 32 * 4, outer = 2 ** 32;
  const q = matrix(outer + 4096, 10),
    k = matrix(q.address + bytes(10), 4),
    v = matrix(k.address + bytes(4), 4);
  assert.deepEqual(joined([q, k, v]), [{ ...q, rows: 18 }]);
  assert.deepEqual(joined([q, v, k]), [q, v, k]);
  assert.deepEqual(joined([q, { ...k, kind: 1 }, v]), [q, { ...k, kind: 1 }, v]);
  assert.deepEqual(joined([q, { ...k, words: 16 }]), [q, { ...k, words: 16 }]);
  // the end of one memory is not the start of the next
  const last = matrix(2 * outer - bytes(4), 4), first = matrix(2 * outer, 4);
  assert.deepEqual(joined([last, first]), [last, first]);
  assert.deepEqual(joined([]), []);
});
