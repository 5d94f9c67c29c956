/**
 * Launches WGSL kernels inside tfjs-backend-webgpu's own command stream. `runWebGPUProgram` would do for one output and
 * read-only inputs; these launches also write several tensors, write in place, bind a part of a large buffer, and carry
 * only the uniforms that they need. Order with stock kernels is kept: both append to the same compute pass.
 *
 * It leans on fields that tfjs marks private; the version is pinned, and the tests of every kernel would show a change.
 */
import * as tf from "@tensorflow/tfjs-core";
import { type Binding, part } from "./binding.ts";
import { type CommandStream, commandStream } from "./command_stream.ts";
import { type KernelText, type Pipeline, pipelineOf } from "./pipelines.ts";
import {
  type Dispatch,
  noteDispatch,
  noteOutput,
  type OpenNumber,
  type Recorded,
  valueOf,
} from "./recording.ts";

/** One launch: a dispatch, several where the workgroups pass one dimension's limit or the work a watchdog's patience. */
export interface Launch extends KernelText {
  /** Workgroups. */
  groups: number;
  /**
   * Floating-point operations, roughly: no submission gets so many that a watchdog would see it last long, and one launch of more is
   * cut into several by its workgroups. @default 64 an invocation
   */
  flop?: number;
  /** Read-only tensors by their WGSL name. */
  reads?: Record<string, Binding>;
  /** Tensors that the kernel writes, and may read; none may stand in `reads` too. */
  writes: Record<string, Binding>;
  /** Uniforms `u.name`, i32. */
  ints?: Record<string, number | OpenNumber>;
  /** Uniforms `u.name`, f32. */
  floats?: Record<string, number>;
}

/** Uniforms of launches that wait for the next submission, 256 bytes each: one write a submission carries them all. */
const uniformSlots = 1024, slotBytes = 256;
/** Beyond this the cache of bind groups starts anew; a training step on batches of one length needs a few hundred. */
const mostBindGroups = 8192;
/** A fifth of a second for a card of 0.25 TFLOP/s; Windows ends a device that is busy for two. */
const submissionFlop = 5e10;
/** tfjs gives the buffers of disposed tensors back at submissions only. */
const submissionBytes = 256 << 20;

/** What is kept for a backend: recording a launch costs a few microseconds where its pipeline and bind group are known. */
interface Recorder {
  pipelines: Map<string, Pipeline>;
  bindGroups: Map<string, GPUBindGroup>;
  numbers: WeakMap<GPUBuffer, number>;
  buffers: number;
  uniforms: GPUBuffer;
  staged: ArrayBuffer;
  used: number;
  /** Since the last submission: operations recorded, bytes of new tensors. */
  flop: number;
  bytes: number;
}

const recorders = new WeakMap<CommandStream, Recorder>();

function recorderOf(stream: CommandStream): Recorder {
  const held = recorders.get(stream);
  if (held) return held;
  const size = uniformSlots * slotBytes, usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
  const recorder: Recorder = {
    pipelines: new Map(),
    bindGroups: new Map(),
    numbers: new WeakMap(),
    buffers: 0,
    uniforms: stream.device.createBuffer({ size, usage }),
    staged: new ArrayBuffer(size),
    used: 0,
    flop: 0,
    bytes: 0,
  };
  const submit = stream.submitQueue;
  stream.submitQueue = () => {
    // a write waits for the submissions before it, so that the slots can be filled again at once
    if (recorder.used) {
      stream.queue.writeBuffer(recorder.uniforms, 0, recorder.staged, 0, recorder.used * slotBytes);
    }
    recorder.used = recorder.flop = recorder.bytes = 0;
    submit.call(stream);
  };
  recorders.set(stream, recorder);
  return recorder;
}

let launched = 0;

/** Dispatches of our kernels so far, to count what an operation costs. */
export function launchCount(): number {
  return launched;
}

/** A new tensor on the device, its values undefined until a launch writes them. */
export function output<T extends tf.Tensor = tf.Tensor>(
  shape: readonly number[],
  dtype: "float32" | "int32" = "float32",
): T {
  const made = tf.engine().makeTensorFromTensorInfo(outputInfo(shape, dtype)) as T;
  noteOutput(made);
  return made;
}

/** The same, not tracked as a tensor: what a registered kernel returns. */
export function outputInfo(shape: readonly number[], dtype: "float32" | "int32" = "float32"): tf.TensorInfo {
  const stream = commandStream(), bytes = 4 * tf.util.sizeFromShape([...shape]);
  if (bytes > stream.device.limits.maxBufferSize) {
    throw new RangeError(
      `making a tensor [${shape}] needs ${bytes} bytes in one buffer, and this adapter allows ${stream.device.limits.maxBufferSize}: make the batch smaller`,
    );
  }
  recorderOf(stream).bytes += bytes;
  return stream.makeTensorInfo([...shape], dtype);
}

/** Fills a tensor with zeros, in stream order. */
export function clear(tensor: tf.TensorInfo): void {
  const stream = commandStream();
  const buffer = written(stream, tensor);
  stream.ensureCommandEncoderReady();
  stream.endComputePassEncoder();
  stream.commandEncoder.clearBuffer(buffer);
  stream.commandQueueOwnedIds.add(tensor.dataId);
}

function written(stream: CommandStream, tensor: tf.TensorInfo): GPUBuffer {
  stream.uploadToGPU(tensor.dataId);
  const data = stream.tensorMap.get(tensor.dataId);
  // a read-back leaves a copy on the CPU, which would be stale after this
  data.values = null;
  return data.resource!;
}

/** Records one launch. @throws {RangeError} when a tensor is both read and written, or the adapter's limits are passed */
export function launch(kernel: Launch): void {
  const { key, groups, workgroupSize = 64, reads = {}, writes, ints = {}, floats = {} } = kernel;
  const stream = commandStream(), { limits } = stream.device;
  const bound = [...Object.entries(reads), ...Object.entries(writes)].map(([name, binding], index) => ({
    name,
    ...part(binding),
    writable: index >= Object.keys(reads).length,
  }));
  const seen = new Map<object, boolean>();
  for (const { name, tensor, writable } of bound) {
    const before = seen.get(tensor.dataId);
    if (before !== undefined && (before || writable)) {
      throw new RangeError(
        `launching ${key}: a tensor that is written may be bound once, but ${name} shares its buffer with another`,
      );
    }
    seen.set(tensor.dataId, writable);
  }
  const { maxStorageBuffersPerShaderStage: most } = limits;
  if (bound.length > most) {
    throw new RangeError(
      `launching ${key}: binds ${bound.length} buffers, and this adapter allows ${most}: use the CPU`,
    );
  }
  const widest = limits.maxComputeWorkgroupsPerDimension;
  if (!(groups > 0) || groups > widest ** 2) {
    throw new RangeError(`launching ${key}: needs 1 to ${widest ** 2} workgroups, got ${groups}`);
  }

  const entries = bound.map(({ name, tensor, writable, offset = 0, length }, binding) => {
    if (writable) written(stream, tensor);
    else stream.uploadToGPU(tensor.dataId);
    const buffer = stream.tensorMap.get(tensor.dataId).resource!;
    const size = length === undefined ? buffer.size - offset * 4 : length * 4;
    if (size > limits.maxStorageBufferBindingSize) {
      throw new RangeError(
        `launching ${key}: ${name} binds ${size} bytes, and this adapter allows ${limits.maxStorageBufferBindingSize} at a time: make the batch smaller`,
      );
    }
    return { binding, resource: { buffer, offset: offset * 4, size } };
  });
  const types = bound.map(({ name, tensor, lanes = 1, writable }) => {
    const scalar = stream.tensorMap.get(tensor.dataId).dtype === "float32" ? "f32" : "i32";
    return { name, writable, type: lanes === 4 ? `vec4<${scalar}>` : scalar };
  });
  const uniforms = [
    ["firstGroup", "i32"],
    ...Object.keys(ints).map((k) => [k, "i32"]),
    ...Object.keys(floats).map((k) => [k, "f32"]),
  ];
  const bytes = Math.ceil(uniforms.length / 4) * 16;
  if (bytes > slotBytes) {
    throw new RangeError(`launching ${key}: at most ${slotBytes / 4} uniforms fit, got ${uniforms.length}`);
  }
  const recorder = recorderOf(stream), { pipelines } = recorder;
  const pipeline = pipelineOf(kernel, { types, uniforms, device: stream.device, pipelines });
  const found = {
    pipeline,
    bindGroup: bindGroupOf(recorder, pipeline, entries, bytes, stream.device),
    dataIds: bound.map(({ tensor }) => tensor.dataId),
    groups,
    flop: kernel.flop ?? 64 * groups * workgroupSize,
    ints: Object.values(ints),
    floats: Object.values(floats),
  };
  noteDispatch(found);
  dispatch(stream, found);
}

/** Makes recorded launches once more, with what their open numbers are now: nothing is looked up or checked again. */
export function launchAgain({ dispatches }: Recorded): void {
  const stream = commandStream();
  for (const found of dispatches) dispatch(stream, found);
}

function dispatch(
  stream: CommandStream,
  { pipeline, bindGroup, dataIds, groups, flop, ints, floats }: Dispatch,
) {
  const recorder = recorderOf(stream), widest = stream.device.limits.maxComputeWorkgroupsPerDimension;
  const each = flop / groups;
  for (const [first, count] of stretches(groups, Math.max(1, Math.floor(submissionFlop / each)))) {
    if (recorder.flop > 0 && recorder.flop + each * count > submissionFlop) submit(stream);
    recorder.flop += each * count;
    // whole rows of the widest, then what is left: no workgroup is without work
    const rows = Math.floor(count / widest), rest = count % widest;
    for (const [wide, high, firstGroup] of [[widest, rows, first], [rest, 1, first + rows * widest]]) {
      if (wide * high === 0) continue;
      if (recorder.used === uniformSlots) submit(stream);
      const slot = recorder.used++ * slotBytes, whole = [firstGroup, ...ints.map(valueOf)];
      new Int32Array(recorder.staged, slot).set(whole);
      new Float32Array(recorder.staged, slot).set(floats, whole.length);
      stream.ensureCommandEncoderReady();
      stream.computePassEncoder ??= stream.commandEncoder.beginComputePass();
      stream.computePassEncoder.setPipeline(pipeline.pipeline);
      stream.computePassEncoder.setBindGroup(0, bindGroup, [slot]);
      stream.computePassEncoder.dispatchWorkgroups(wide, high, 1);
      launched++;
      stream.dispatchCountInPass++;
    }
  }
  for (const dataId of dataIds) stream.commandQueueOwnedIds.add(dataId);
  if (
    stream.dispatchCountInPass >= tf.env().getNumber("WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE") ||
    recorder.bytes >= submissionBytes
  ) submit(stream);
}

/** Workgroups in stretches of `most`. */
function* stretches(groups: number, most: number): Generator<[first: number, count: number]> {
  for (let first = 0; first < groups; first += most) yield [first, Math.min(most, groups - first)];
}

function submit(stream: CommandStream): void {
  stream.endComputePassEncoder();
  stream.submitQueue();
}

/** The bind group of these buffers and the uniforms' place, from the cache or new. */
function bindGroupOf(
  recorder: Recorder,
  { name, layout }: Pipeline,
  entries: { binding: number; resource: { buffer: GPUBuffer; offset: number; size: number } }[],
  uniformBytes: number,
  device: GPUDevice,
): GPUBindGroup {
  const numberOf = (buffer: GPUBuffer) => {
    const known = recorder.numbers.get(buffer) ?? ++recorder.buffers;
    recorder.numbers.set(buffer, known);
    return known;
  };
  const key = `${name}|${
    entries.map(({ resource: { buffer, offset, size } }) => `${numberOf(buffer)}:${offset}:${size}`).join()
  }`;
  const held = recorder.bindGroups.get(key);
  if (held) return held;
  if (recorder.bindGroups.size >= mostBindGroups) recorder.bindGroups.clear();
  const resource = { buffer: recorder.uniforms, offset: 0, size: uniformBytes };
  const bindGroup = device.createBindGroup({
    layout,
    entries: [...entries, { binding: entries.length, resource }],
  });
  recorder.bindGroups.set(key, bindGroup);
  return bindGroup;
}
