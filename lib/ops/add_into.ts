import * as tf from "@tensorflow/tfjs";
import { device } from "../kernels/device.ts";

/** {@linkcode addInto} in tfjs-core operations. */
export function addIntoReference(sum: tf.Tensor, more: tf.Tensor): tf.Tensor {
  const total = tf.add(sum, more);
  sum.dispose();
  return total;
}

/** sum + more, in the place of `sum` where the device can; takes `sum` over. For gradients: neither gets one. */
export function addInto(sum: tf.Tensor, more: tf.Tensor): tf.Tensor {
  return (device().kernels?.addInto ?? addIntoReference)(sum, more);
}
