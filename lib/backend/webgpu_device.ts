import { PlainError } from "../display/plain_error.ts";
import * as tf from "@tensorflow/tfjs";
import { requestAdapter } from "./request_adapter.ts";
import { CheckedWebgpuBackend } from "./webgpu_backend.ts";

/** Options of {@linkcode openWebgpuDevice}. */
export interface WebgpuDeviceOptions {
  /** Whether a software adapter (llvmpipe, SwiftShader) will do: right for tests, far slower than the CPU path. @default false */
  allowSoftware?: boolean;
  /** Ask for no more than WebGPU's default limits, which every adapter grants, to try kernels against. @default false */
  defaultLimits?: boolean;
}

/** The device in use. */
export interface WebgpuDevice {
  /** The adapter's name, such as `NVIDIA GeForce RTX 4090`. */
  name: string;
  /** Whether the adapter computes on the CPU. */
  software: boolean;
  /** Optional features that the adapter has and we asked for. */
  features: string[];
  /** The adapter's limits that bound our kernels, in bytes or counts. */
  limits: Record<string, number>;
}

/** No WebGPU device can be had; the message says why. */
export class WebgpuUnavailableError extends PlainError {
  /** What tells it from other errors. */
  override name = "WebgpuUnavailableError";
}

const wantedFeatures: GPUFeatureName[] = ["timestamp-query"] as GPUFeatureName[];
const wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** More dispatches a submission than tfjs's 15: a decoder layer has about 20. */
const dispatchesPerSubmission = 256;

let opened: { device: GPUDevice; description: WebgpuDevice } | null = null;
let failure: Error | null = null;
let trouble = new AbortController();

/** The first error that the device reported since it was opened, or null. Validation errors are silent otherwise. */
export function lastError(): Error | null {
  return failure;
}

/** The GPU was lost, or refused an operation: what is on it cannot be read, or is wrong. */
export class DeviceLostError extends PlainError {
  /** What tells it from other errors. */
  override name = "DeviceLostError";
}

/** On webgpu, a signal that aborts with a {@linkcode DeviceLostError} when the device is lost or refuses an operation; `null` elsewhere. */
export function deviceLoss(): AbortSignal | null {
  return tf.getBackend() === "webgpu" ? trouble.signal : null;
}

/** Keeps what the device refused, for all who read from it: what is on it may be wrong. */
export function reportTrouble(message: string): void {
  failure ??= new DeviceLostError(message);
  trouble.abort(failure);
}

/**
 * Throws what the device reported: call it after a read-back, since WebGPU reports late and computes on with wrong data.
 * @throws {Error} when the device was lost or an operation was refused
 */
export function checkDevice(): void {
  if (failure) throw failure;
}

/**
 * Opens a GPU with the adapter's own limits and optional features, and makes it tfjs's active backend "webgpu". A second
 * call gives the same device, unless it was lost. Errors of the device are kept for {@linkcode lastError}.
 *
 * @example
 * ```ts
 * const { name, software } = await openWebgpuDevice({ allowSoftware: true });
 * ```
 * @throws {WebgpuUnavailableError} when there is no adapter, or only a software one and `allowSoftware` is not set
 */
export async function openWebgpuDevice(
  { allowSoftware = false, defaultLimits = false }: WebgpuDeviceOptions = {},
): Promise<WebgpuDevice> {
  if (opened && !(opened.description.software && !allowSoftware)) {
    await tf.setBackend("webgpu");
    return opened.description;
  }
  const adapter = await requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new WebgpuUnavailableError(
      Deno.build.os === "linux"
        ? "opening a GPU needs a Vulkan driver, and this machine has none: install one, use the CPU backend, or set DENO_WEBGPU_BACKEND=gl to try OpenGL's"
        : "opening a GPU needs a WebGPU adapter, and this machine has none: use the CPU backend",
    );
  }
  const { info } = adapter, name = info.description || info.device || info.vendor || "unnamed adapter";
  const software = info.isFallbackAdapter || /llvmpipe|lavapipe|swiftshader|basic render/i.test(name);
  if (software && !allowSoftware) {
    throw new WebgpuUnavailableError(
      `opening a GPU found only the software adapter ${name}, slower than the CPU backend: use that, or pass allowSoftware`,
    );
  }
  const wanted = wantedFeatures.filter((feature) => adapter.features.has(feature));
  const requiredLimits = defaultLimits
    ? {}
    : Object.fromEntries(wantedLimits.map((limit) => [limit, adapter.limits[limit]]));
  const request = (requiredFeatures: GPUFeatureName[]) =>
    adapter.requestDevice({ requiredFeatures, requiredLimits });
  // Deno's adapters do not list subgroups, and grant them where the driver has them
  const device = await request([...wanted, "subgroups" as GPUFeatureName]).catch(() => request(wanted));
  failure = null;
  trouble = new AbortController();
  device.addEventListener("uncapturederror", (event) => {
    reportTrouble(
      `the WebGPU device refused an operation: ${(event as GPUUncapturedErrorEvent).error.message}`,
    );
    event.preventDefault();
  });
  device.lost.then(({ message, reason }) => {
    // one that was replaced may go; the one in use may not, whoever destroyed it
    if (opened?.device !== device) return;
    opened = null;
    reportTrouble(`the WebGPU device was lost (${reason}): ${message}`);
  });
  tf.removeBackend("webgpu");
  tf.registerBackend(
    "webgpu",
    () => new CheckedWebgpuBackend(device, info, checkDevice) as unknown as tf.KernelBackend,
    3,
  );
  tf.env().set("WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE", dispatchesPerSubmission);
  await tf.setBackend("webgpu");
  await tf.ready();
  const limits = Object.fromEntries(wantedLimits.map((limit) => [limit, device.limits[limit]])),
    description = { name, software, features: [...device.features], limits };
  opened = { device, description };
  return description;
}
