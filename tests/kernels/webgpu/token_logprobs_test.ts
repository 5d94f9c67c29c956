import * as tf from "@tensorflow/tfjs";
import { tokenLogprobsBackward } from "../../../lib/kernels/webgpu/token_logprobs_backward.ts";
import { tokenLogprobsForward } from "../../../lib/kernels/webgpu/token_logprobs_forward.ts";
import { assertClose, gradientsOf, integers, normal, testOnWebgpu, valuesOn } from "./on_webgpu.ts";

const rows = 7, width = 10, vocabulary = 150;
const hidden = normal([rows, width], 1), table = normal([vocabulary, width], 2), dy = normal([rows], 3);

for (const { temperature, softcap } of [{ temperature: 1, softcap: 0 }, { temperature: 0.7, softcap: 3 }]) {
  testOnWebgpu(
    `tokenLogprobsForward() and tokenLogprobsBackward() in chunks agree with tfjs-core at temperature ${temperature}, softcap ${softcap}`,
    async () => {
      const logits = (h: tf.Tensor2D, e: tf.Tensor2D) => {
        const raw = tf.matMul(h, e, false, true);
        return tf.div(
          softcap ? tf.mul(tf.tanh(tf.div(raw, softcap)), softcap) : raw,
          temperature,
        ) as tf.Tensor2D;
      };
      // two targets are the most likely token, in different chunks or not
      const [best] = await valuesOn("cpu", [hidden, table], (h, e) => [tf.argMax(logits(h, e), 1)]);
      const targets = integers([best[0], 149, 64, best[3], 63, 0, 100]);
      const expected = await valuesOn("cpu", [hidden, table, targets, dy], (h, e, targets, dy) => {
        const f = (h: tf.Tensor2D, e: tf.Tensor2D) =>
          tf.sum(tf.mul(tf.logSoftmax(logits(h, e)), tf.oneHot(targets, vocabulary)), 1);
        const z = logits(h, e), logp = tf.logSoftmax(z);
        return [
          f(h, e),
          tf.logSumExp(z, 1),
          tf.neg(tf.sum(tf.mul(tf.exp(logp), logp), 1)),
          tf.equal(tf.argMax(z, 1), targets),
          ...gradientsOf(f, [h, e], dy),
        ];
      });
      for (const chunk of [64, 128, undefined]) {
        const numbers = { temperature, softcap, chunk };
        const actual = await valuesOn("webgpu", [hidden, table, targets, dy], (h, e, targets, dy) => {
          const { logprobs, logSumExp, entropy, hits } = tokenLogprobsForward(h, e, targets, numbers);
          const { dHidden, dTable } = tokenLogprobsBackward(
            { logprobs: dy, entropy: null },
            { hidden: h, table: e, targets, logSumExp, entropy },
            numbers,
          );
          return [logprobs, logSumExp, entropy, hits, dHidden, dTable!];
        });
        assertClose(actual, expected);
      }
    },
  );
}
