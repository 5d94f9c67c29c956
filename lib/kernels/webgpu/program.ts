/**
 * Launches WGSL kernels inside tfjs-backend-webgpu's own command stream. `runWebGPUProgram` would do for one output and
 * read-only inputs; these launches also write several tensors, write in place, bind a part of a large buffer, and carry
 * only the uniforms that they need. Order with stock kernels is kept: both append to the same compute pass.
 *
 * It leans on fields that tfjs marks private; the version is pinned, and the tests of every kernel would show a change.
 */
import * as tf from "@tensorflow/tfjs-core";

/** A tensor as a kernel sees it; `offset` and `length` in elements choose a part of it. */
export interface BoundPart {
  tensor: tf.TensorInfo;
  /** Elements of the array type: 4 binds `array<vec4<f32>>`. @default 1 */
  lanes?: 1 | 4;
  /** First element; its byte address must be a multiple of 256. @default 0 */
  offset?: number;
  /** @default to the tensor's end */
  length?: number;
}

/** A tensor, or a part of one. */
export type Binding = tf.TensorInfo | BoundPart;

/** One dispatch. */
export interface Launch {
  /** Names the pipeline: everything that changes the code must be in it. Types of the bindings are added. */
  key: string;
  /** Invocations a workgroup. @default 64 */
  workgroupSize?: number;
  /** Workgroups; more than one dimension's limit is folded into two. */
  groups: number;
  /** Read-only tensors by their WGSL name. */
  reads?: Record<string, Binding>;
  /** Tensors that the kernel writes, and may read; none may stand in `reads` too. */
  writes: Record<string, Binding>;
  /** Uniforms `u.name`, i32. */
  ints?: Record<string, number>;
  /** Uniforms `u.name`, f32. */
  floats?: Record<string, number>;
  /** Functions and workgroup variables; a function is asked once a pipeline, which matters where the text is long. */
  declarations?: string | (() => string);
  /**
   * The body; it sees `group`, `lane` and `index` = group · workgroupSize + lane, all i32, and with subgroups `subgroup`, its
   * number in the workgroup, of `subgroups`, and `subgroup_lane`, all u32.
   */
  body: string | (() => string);
}

interface TensorData {
  resource: GPUBuffer | null;
  values: unknown;
  dtype: tf.DataType;
}

interface CommandStream {
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

interface Pipeline {
  name: string;
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

/** Uniforms of launches that wait for the next submission, 256 bytes each: one write a submission carries them all. */
const uniformSlots = 1024, slotBytes = 256;
/** Beyond this the cache of bind groups starts anew; a training step on batches of one length needs a few hundred. */
const mostBindGroups = 8192;

/** What is kept for a backend: recording a launch costs a few microseconds where its pipeline and bind group are known. */
interface Recorder {
  pipelines: Map<string, Pipeline>;
  bindGroups: Map<string, GPUBindGroup>;
  numbers: WeakMap<GPUBuffer, number>;
  buffers: number;
  uniforms: GPUBuffer;
  staged: ArrayBuffer;
  used: number;
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
  };
  const submit = stream.submitQueue;
  stream.submitQueue = () => {
    // a write waits for the submissions before it, so that the slots can be filled again at once
    if (recorder.used) {
      stream.queue.writeBuffer(recorder.uniforms, 0, recorder.staged, 0, recorder.used * slotBytes);
    }
    recorder.used = 0;
    submit.call(stream);
  };
  recorders.set(stream, recorder);
  return recorder;
}

let launched = 0, built = 0;

/** Dispatches of our kernels so far, to count what an operation costs. */
export function launchCount(): number {
  return launched;
}

/** Pipelines compiled so far: each kernel's first launch makes one. */
export function pipelineCount(): number {
  return built;
}

/** The device behind the active backend. @throws {Error} when the backend is not webgpu */
export function activeDevice(): GPUDevice {
  return commandStream().device;
}

function commandStream(): CommandStream {
  const name = tf.getBackend();
  if (name !== "webgpu") {
    throw new Error(
      `running a WebGPU kernel needs the webgpu backend, but "${name}" is active: await useBackend() first`,
    );
  }
  return tf.backend() as unknown as CommandStream;
}

/** A new tensor on the device, its values undefined until a launch writes them. */
export function output<T extends tf.Tensor = tf.Tensor>(
  shape: readonly number[],
  dtype: "float32" | "int32" = "float32",
): T {
  return tf.engine().makeTensorFromTensorInfo(outputInfo(shape, dtype)) as T;
}

/** The same, not tracked as a tensor: what a registered kernel returns. */
export function outputInfo(shape: readonly number[], dtype: "float32" | "int32" = "float32"): tf.TensorInfo {
  const stream = commandStream(), bytes = 4 * tf.util.sizeFromShape([...shape]);
  if (bytes > stream.device.limits.maxBufferSize) {
    throw new RangeError(
      `making a tensor [${shape}] needs ${bytes} bytes in one buffer, and this adapter allows ${stream.device.limits.maxBufferSize}: make the batch smaller`,
    );
  }
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

const part = (binding: Binding): BoundPart => "dataId" in binding ? { tensor: binding } : binding;

/** Some rows of a matrix. */
export interface Rows {
  first: number;
  count: number;
}

/**
 * The rows of a matrix [rows, width] in parts that the adapter binds at once: one part unless the matrix passes
 * `maxStorageBufferBindingSize`, 128 MB on some adapters. Parts begin at multiples of 64 rows, where every width is aligned.
 */
export function bindableRows(rows: number, width: number): Rows[] {
  const limit = activeDevice().limits.maxStorageBufferBindingSize / 4;
  const most = rows * width <= limit ? rows : Math.max(1, Math.floor(limit / width / 64)) * 64;
  return Array.from(
    { length: Math.ceil(rows / most) },
    (_, i) => ({ first: i * most, count: Math.min(most, rows - i * most) }),
  );
}

/** Some rows of a bound matrix whose rows are `width` elements wide. */
export function rowsOf(matrix: Binding, { first, count }: Rows, width: number): BoundPart {
  const whole = part(matrix);
  return { ...whole, offset: (whole.offset ?? 0) + first * width, length: count * width };
}

/** Whether kernels may use subgroup operations: a sum over a workgroup then waits twice, not eight times. */
export function hasSubgroups(): boolean {
  return activeDevice().features.has("subgroups" as GPUFeatureName);
}

/** Sum over a workgroup: `total(value, lane)`, called by every invocation; `size` a power of two. */
export const workgroupTotal = (size: number): string =>
  hasSubgroups()
    ? `
var<workgroup> sums: array<f32, ${size}>;
fn total(value: f32, lane: i32) -> f32 {
  let part = subgroupAdd(value);
  workgroupBarrier();
  if (subgroup_lane == 0u) { sums[subgroup] = part; }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < subgroups; i++) { sum += sums[i]; }
  return sum;
}`
    : `
var<workgroup> sums: array<f32, ${size}>;
fn total(value: f32, lane: i32) -> f32 {
  workgroupBarrier();
  sums[lane] = value;
  workgroupBarrier();
  for (var step = ${size / 2}; step > 0; step /= 2) {
    if (lane < step) { sums[lane] += sums[lane + step]; }
    workgroupBarrier();
  }
  return sums[0];
}`;

/** Records one dispatch. @throws {RangeError} when a tensor is both read and written, or the adapter's limits are passed */
export function launch(kernel: Launch): void {
  const { key, groups, reads = {}, writes, ints = {}, floats = {} } = kernel;
  const stream = commandStream(), { device } = stream;
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
  const { maxStorageBuffersPerShaderStage: most } = device.limits;
  if (bound.length > most) {
    throw new RangeError(
      `launching ${key}: binds ${bound.length} buffers, and this adapter allows ${most}: use the CPU`,
    );
  }
  const limit = device.limits.maxComputeWorkgroupsPerDimension,
    wide = Math.min(groups, limit),
    high = Math.ceil(groups / wide);
  if (!(groups > 0) || high > limit) {
    throw new RangeError(`launching ${key}: needs 1 to ${limit ** 2} workgroups, got ${groups}`);
  }

  const entries = bound.map(({ name, tensor, writable, offset = 0, length }, binding) => {
    if (writable) written(stream, tensor);
    else stream.uploadToGPU(tensor.dataId);
    const buffer = stream.tensorMap.get(tensor.dataId).resource!;
    const size = length === undefined ? buffer.size - offset * 4 : length * 4;
    if (size > device.limits.maxStorageBufferBindingSize) {
      throw new RangeError(
        `launching ${key}: ${name} binds ${size} bytes, and this adapter allows ${device.limits.maxStorageBufferBindingSize} at a time: make the batch smaller`,
      );
    }
    stream.commandQueueOwnedIds.add(tensor.dataId);
    return { binding, resource: { buffer, offset: offset * 4, size } };
  });

  const types = bound.map(({ name, tensor, lanes = 1, writable }) => {
    const scalar = stream.tensorMap.get(tensor.dataId).dtype === "float32" ? "f32" : "i32";
    return { name, writable, type: lanes === 4 ? `vec4<${scalar}>` : scalar };
  });
  const uniforms = [
    ["groups", "i32"],
    ...Object.keys(ints).map((k) => [k, "i32"]),
    ...Object.keys(floats).map((k) => [k, "f32"]),
  ];
  const recorder = recorderOf(stream);
  const { pipeline, layout, name } = compiled(kernel, {
    types,
    uniforms,
    device,
    pipelines: recorder.pipelines,
  });

  if (recorder.used === uniformSlots) {
    stream.endComputePassEncoder();
    stream.submitQueue();
  }
  const bytes = Math.ceil(uniforms.length / 4) * 16, slot = recorder.used++ * slotBytes;
  if (bytes > slotBytes) {
    throw new RangeError(`launching ${key}: at most ${slotBytes / 4} uniforms fit, got ${uniforms.length}`);
  }
  const whole = [groups, ...Object.values(ints)];
  new Int32Array(recorder.staged, slot).set(whole);
  new Float32Array(recorder.staged, slot).set(Object.values(floats), whole.length);

  const numberOf = (buffer: GPUBuffer) => {
    const known = recorder.numbers.get(buffer) ?? ++recorder.buffers;
    recorder.numbers.set(buffer, known);
    return known;
  };
  const groupName = `${name}|${
    entries.map(({ resource: { buffer, offset, size } }) => `${numberOf(buffer)}:${offset}:${size}`).join()
  }`;
  let bindGroup = recorder.bindGroups.get(groupName);
  if (!bindGroup) {
    if (recorder.bindGroups.size >= mostBindGroups) recorder.bindGroups.clear();
    const resource = { buffer: recorder.uniforms, offset: 0, size: bytes };
    bindGroup = device.createBindGroup({
      layout,
      entries: [...entries, { binding: entries.length, resource }],
    });
    recorder.bindGroups.set(groupName, bindGroup);
  }
  stream.ensureCommandEncoderReady();
  stream.computePassEncoder ??= stream.commandEncoder.beginComputePass();
  stream.computePassEncoder.setPipeline(pipeline);
  stream.computePassEncoder.setBindGroup(0, bindGroup, [slot]);
  stream.computePassEncoder.dispatchWorkgroups(wide, high, 1);
  launched++;
  if (++stream.dispatchCountInPass >= tf.env().getNumber("WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE")) {
    stream.endComputePassEncoder();
    stream.submitQueue();
  }
}

/** The pipeline of a kernel for these bindings, made on first use. */
function compiled(
  { key, workgroupSize = 64, declarations = "", body }: Launch,
  { types, uniforms, device, pipelines }: {
    types: { name: string; type: string; writable: boolean }[];
    uniforms: string[][];
    device: GPUDevice;
    pipelines: Map<string, Pipeline>;
  },
): Pipeline {
  const sub = device.features.has("subgroups" as GPUFeatureName);
  const name = `${key}/${workgroupSize}/${types.map(({ type }) => type)}${sub ? "/subgroups" : ""}`,
    held = pipelines.get(name);
  if (held) return held;
  const text = (part: string | (() => string)) => typeof part === "string" ? part : part();
  const code = `
struct Uniforms { ${uniforms.map(([field, type]) => `${field}: ${type}`).join(", ")} };
${
    types.map(({ name, type, writable }, i) =>
      `@group(0) @binding(${i}) var<storage, ${writable ? "read_write" : "read"}> ${name}: array<${type}>;`
    ).join("\n")
  }
@group(0) @binding(${types.length}) var<uniform> u: Uniforms;
${sub ? "var<private> subgroup: u32; var<private> subgroups: u32; var<private> subgroup_lane: u32;" : ""}
${text(declarations)}
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) workgroups: vec3<u32>,
        @builtin(local_invocation_index) invocation: u32${
    sub
      ? `, @builtin(subgroup_id) subgroup_index: u32,
        @builtin(num_subgroups) subgroup_count: u32, @builtin(subgroup_invocation_id) subgroup_place: u32`
      : ""
  }) {
  ${sub ? "subgroup = subgroup_index; subgroups = subgroup_count; subgroup_lane = subgroup_place;" : ""}
  let group = i32(workgroup.x + workgroup.y * workgroups.x);
  if (group >= u.groups) { return; }
  let lane = i32(invocation);
  let index = group * ${workgroupSize} + lane;
${text(body)}
}`;
  const visibility = GPUShaderStage.COMPUTE;
  const layout = device.createBindGroupLayout({
    entries: [
      ...types.map(({ writable }, binding) => ({
        binding,
        visibility,
        buffer: { type: writable ? "storage" as const : "read-only-storage" as const },
      })),
      { binding: types.length, visibility, buffer: { type: "uniform" as const, hasDynamicOffset: true } },
    ],
  });
  const pipeline = device.createComputePipeline({
    label: name,
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: device.createShaderModule({ label: name, code }), entryPoint: "main" },
  });
  const made = { pipeline, layout, name };
  built++;
  pipelines.set(name, made);
  return made;
}
