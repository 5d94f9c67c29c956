import * as tf from "@tensorflow/tfjs-core";

/** What tfjs keeps of a tensor, in the fields that launches need. */
export interface TensorData {
  resource: GPUBuffer | null;
  values: unknown;
  dtype: tf.DataType;
}

/** What tfjs records commands with. */
export interface CommandStream {
  device: GPUDevice;
  queue: GPUQueue;
  tensorMap: { get(id: object): TensorData };
  commandEncoder: GPUCommandEncoder;
  computePassEncoder: GPUComputePassEncoder | null;
  commandQueueOwnedIds: WeakSet<object>;
  dispatchCountInPass: number;
  makeTensorInfo(shape: number[], dtype: tf.DataType): tf.TensorInfo;
  uploadToGPU(id: object): void;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/** The device behind the active backend. @throws {Error} when the backend is not webgpu */
export function activeDevice(): GPUDevice {
  return commandStream().device;
}

/** The active backend, where its commands are recorded. @throws {Error} when it is not webgpu */
export function commandStream(): CommandStream {
  const name = tf.getBackend();
  if (name !== "webgpu") {
    throw new Error(
      `running a WebGPU kernel needs the webgpu backend, but "${name}" is active: await useBackend() first`,
    );
  }
  return tf.backend() as unknown as CommandStream;
}

/** Whether kernels may use subgroup operations: a sum over a workgroup then waits twice, not eight times. */
export function hasSubgroups(): boolean {
  return activeDevice().features.has("subgroups" as GPUFeatureName);
}
