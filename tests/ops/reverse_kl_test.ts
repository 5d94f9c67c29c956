import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { reverseKl, type ReverseKlOptions } from "../../lib/ops/reverse_kl.ts";
import { tokenLogprobs } from "../../lib/ops/token_logprobs.ts";
import fixtures from "../fixtures/trl_distillation.json" with { type: "json" };
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";
import { assertClose, normal } from "../kernels/webgpu/on_webgpu.ts";
import { type OpCase, testAgainstReference } from "./on_each_backend.ts";

type Case = {
  rows: number;
  vocabulary: number;
  width: number;
  teacherWidth: number;
  teacherSoftcap?: number;
  options?: Omit<ReverseKlOptions, "targets">;
};

/** Σ p_S (log p_S − log p_T) with the logits whole. */
function plainly(
  hidden: tf.Tensor2D,
  table: tf.Tensor2D,
  [teacherHidden, teacherTable]: tf.Tensor2D[],
  { teacherSoftcap = 0, options: { temperature = 1, softcap = 0 } = {} }: Case,
): tf.Tensor1D {
  const logp = (hidden: tf.Tensor2D, table: tf.Tensor2D, cap: number) => {
    const logits = tf.matMul(hidden, table, false, true),
      capped = cap ? tf.mul(tf.tanh(tf.div(logits, cap)), cap) : logits;
    return tf.logSoftmax(tf.div(capped, temperature));
  };
  const own = logp(hidden, table, softcap), theirs = logp(teacherHidden, teacherTable, teacherSoftcap);
  return tf.sum(tf.mul(tf.exp(own), tf.sub(own, theirs)), 1);
}

const targetsOf = (rows: number, vocabulary: number) =>
  tf.tensor1d(Int32Array.from({ length: rows }, (_, i) => (7 * i + 3) % vocabulary), "int32");

function own(shape: Case): OpCase {
  const { rows, vocabulary, width, teacherWidth, teacherSoftcap = 0, options = {} } = shape,
    { tableTrainable = true } = options;
  const hidden = normal([rows, width], 8), table = normal([vocabulary, width], 9, 0.7);
  const teacher = [normal([rows, teacherWidth], 10), normal([vocabulary, teacherWidth], 11, 0.7)];
  return {
    name: `${rows} × ${width} against ${vocabulary}, ${JSON.stringify(options)}`,
    inputs: tableTrainable ? [hidden, table] : [hidden],
    fixed: tableTrainable ? teacher : [table, ...teacher],
    differences: rows < 10,
    op: (...[hidden, table, teacherHidden, teacherTable]) => {
      const { divergence, logprobs, entropy, hits } = reverseKl(
        hidden as tf.Tensor2D,
        table as tf.Tensor2D,
        {
          hidden: teacherHidden as tf.Tensor2D,
          table: teacherTable as tf.Tensor2D,
          softcap: teacherSoftcap,
        },
        { targets: targetsOf(rows, vocabulary), ...options },
      );
      tf.dispose([logprobs, entropy, hits]);
      return divergence;
    },
    reference: (...[hidden, table, ...teacher]) =>
      plainly(hidden as tf.Tensor2D, table as tf.Tensor2D, teacher as tf.Tensor2D[], shape),
  };
}

testAgainstReference(
  "reverseKl()",
  ([
    { rows: 7, vocabulary: 13, width: 9, teacherWidth: 5 },
    { rows: 7, vocabulary: 13, width: 9, teacherWidth: 12, options: { temperature: 0.7, softcap: 3 } },
    { rows: 7, vocabulary: 13, width: 9, teacherWidth: 9, teacherSoftcap: 2, options: { temperature: 1.4 } },
    { rows: 19, vocabulary: 30, width: 8, teacherWidth: 8, options: { tableTrainable: false } },
    // more rows than a block holds
    { rows: 70, vocabulary: 1 << 16, width: 2, teacherWidth: 1, options: { tableTrainable: false } },
  ] as Case[]).map(own),
);

testOnCpu("reverseKl() gives the loss and the gradients of TRL's GKD with beta 1", async () => {
  await startEngine({ threads: 1 });
  const { sizes: { rows, vocabulary, width, teacherWidth }, cases } = fixtures;
  for (const { temperature, loss, hiddenGradient, tableGradient } of cases) {
    const [value, ...gradients] = tf.tidy(() => {
      const teacher = {
        hidden: tf.tensor2d(fixtures.teacherHidden, [rows, teacherWidth]),
        table: tf.tensor2d(fixtures.teacherTable, [vocabulary, teacherWidth]),
        softcap: 0,
      };
      const mean = (...[hidden, table]: tf.Tensor[]) => {
        const { divergence, ...others } = reverseKl(hidden as tf.Tensor2D, table as tf.Tensor2D, teacher, {
          targets: targetsOf(rows, vocabulary),
          temperature,
        });
        tf.dispose(Object.values(others));
        return tf.mean(divergence);
      };
      const found = tf.valueAndGrads(mean)([
        tf.tensor2d(fixtures.hidden, [rows, width]),
        tf.tensor2d(fixtures.table, [vocabulary, width]),
      ]);
      return [found.value, ...found.grads];
    });
    assertClose([value, ...gradients].map((each) => each.dataSync() as Float32Array), [
      Float32Array.of(loss),
      Float32Array.from(hiddenGradient),
      Float32Array.from(tableGradient),
    ], 1e-5);
    tf.dispose([value, ...gradients]);
  }
});

testOnCpu(
  "reverseKl() is 0 between a model and itself, and gives the tokens' values of tokenLogprobs()",
  async () => {
    await startEngine({ threads: 1 });
    const before = tf.memory().numTensors, numbers = { temperature: 0.8, softcap: 4 };
    const targets = targetsOf(9, 17);
    const [own, expected] = tf.tidy(() => {
      const hidden = tf.tensor2d(normal([9, 6], 3).data, [9, 6]),
        table = tf.tensor2d(normal([17, 6], 4).data, [17, 6]);
      const teacher = { hidden, table, softcap: numbers.softcap };
      const own = reverseKl(hidden, table, teacher, { targets, ...numbers });
      const expected = tokenLogprobs(hidden, table, targets, numbers);
      return [
        [own.divergence, own.logprobs, own.entropy, own.hits],
        [tf.zeros([9]), expected.logprobs, expected.entropy, expected.hits],
      ];
    });
    assertClose(
      own.map((each) => each.dataSync() as Float32Array),
      expected.map((each) => each.dataSync() as Float32Array),
      2e-5,
    );
    tf.dispose([own, expected, targets]);
    assert.equal(tf.memory().numTensors, before);
  },
);
