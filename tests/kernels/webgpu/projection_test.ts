import * as tf from "@tensorflow/tfjs";
import type { Linear } from "../../../lib/kernels/decoder_description.ts";
import { projectionBackward } from "../../../lib/kernels/webgpu/projection_backward.ts";
import { projectionForward } from "../../../lib/kernels/webgpu/projection_forward.ts";
import { assertClose, gradientsOf, normal, testOnWebgpu, valuesOn } from "./on_webgpu.ts";

const rows = 9, scale = 0.5;

for (const [inner, first, second] of [[10, 7, 12], [8, 12, 4]]) {
  testOnWebgpu(
    `projectionForward() and projectionBackward() agree with tfjs-core: ${inner} to ${first} and ${second}`,
    async () => {
      const x = normal([rows, inner], 1), dy = normal([rows, first + second], 2);
      const weights = [
        normal([first, inner], 3),
        normal([first], 4),
        normal([second, inner], 5),
        normal([3, inner], 6),
        normal([second, 3], 7),
      ];
      const expected = await valuesOn("cpu", [x, ...weights, dy], (x, w, bias, frozen, a, b, dy) => {
        const f = (x: tf.Tensor2D, w: tf.Tensor2D, bias: tf.Tensor1D, a: tf.Tensor2D, b: tf.Tensor2D) => {
          const low = tf.matMul(tf.matMul(x, a, false, true), b, false, true);
          return tf.concat([
            tf.add(tf.matMul(x, w, false, true), bias),
            tf.add(tf.matMul(x, frozen as tf.Tensor2D, false, true), tf.mul(low, scale)),
          ], 1);
        };
        return [f(x, w, bias, a, b), ...gradientsOf(f, [x, w, bias, a, b], dy)];
      });
      const actual = await valuesOn("webgpu", [x, ...weights, dy], (x, weight, bias, frozen, a, b, dy) => {
        const linears: Linear[] = [{ weight, bias, trainable: true }, {
          weight: frozen,
          trainable: false,
          lora: { a, b, scale },
        }];
        const { dx, layers: [one, two] } = projectionBackward(dy, x, linears);
        return [projectionForward(x, linears), dx, one.weight!, one.bias!, two.a!, two.b!];
      });
      assertClose(actual, expected);
    },
  );
}
