import * as tf from "@tensorflow/tfjs";
import { residualNormsForward } from "../../../lib/kernels/webgpu/residual_norms.ts";
import { rmsNormKernels } from "../../../lib/kernels/webgpu/rms_norm.ts";
import { rmsNormForward } from "../../../lib/kernels/webgpu/rms_norm_forward.ts";
import { assertClose, gradientsOf, normal, testWithAndWithoutSubgroups, valuesOn } from "./on_webgpu.ts";

const epsilon = 1e-5;
const reference = (addOne: boolean) => (x: tf.Tensor, w: tf.Tensor) =>
  tf.mul(
    tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon))),
    addOne ? tf.add(w, 1) : w,
  );

for (
  const [rows, width, addOne] of [[5, 7, true], [67, 66, false], [3, 130, true], [2, 1026, false]] as const
) {
  const x = normal([rows, width], 1), w = normal([width], 2), dy = normal([rows, width], 3);

  testWithAndWithoutSubgroups(
    `rmsNormKernels agree with tfjs-core on ${rows} rows of ${width}`,
    async () => {
      const expected = await valuesOn("cpu", [x, w, dy], (x, w, dy) => [
        reference(addOne)(x, w),
        ...gradientsOf(reference(addOne), [x, w], dy),
      ]);
      const actual = await valuesOn("webgpu", [x, w, dy], (x, w, dy) => {
        const numbers = { epsilon, addOne, weightGradient: true };
        const { dx, dWeight } = rmsNormKernels.backward(
          dy as tf.Tensor2D,
          x as tf.Tensor2D,
          w as tf.Tensor1D,
          numbers,
        );
        return [rmsNormForward(x, w, numbers), dx, dWeight!];
      });
      assertClose(actual, expected);
    },
  );
}

testWithAndWithoutSubgroups("rmsNormForward() adds the residual", async () => {
  const x = normal([3, 65], 4), w = normal([65], 5), residual = normal([3, 65], 6);
  const expected = await valuesOn("cpu", [x, w, residual], (x, w, r) => [tf.add(r, reference(true)(x, w))]);
  const actual = await valuesOn("webgpu", [x, w, residual], (x, w, residual) => [
    rmsNormForward(x, w, { epsilon, addOne: true, residual }),
  ]);
  assertClose(actual, expected);
});

for (const width of [10, 65, 1026]) {
  testWithAndWithoutSubgroups(
    `residualNormsForward() gives the sum and its norm on rows of ${width}`,
    async () => {
      const y = normal([3, width], 4),
        w = normal([width], 5),
        residual = normal([3, width], 6),
        next = normal([width], 7);
      const inputs = [y, w, residual, next];
      const expected = await valuesOn("cpu", inputs, (y, w, residual, next) => {
        const x = tf.add(residual, reference(true)(y, w));
        return [x, reference(true)(x, next)];
      });
      const actual = await valuesOn("webgpu", inputs, (y, w, residual, next) => {
        const { x, normed } = residualNormsForward(y, { w, residual, next, epsilon, addOne: true });
        return [x, normed];
      });
      assertClose(actual, expected);
    },
  );
}
