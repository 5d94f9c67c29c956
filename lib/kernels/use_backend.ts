import * as tf from "@tensorflow/tfjs";
import { z } from "zod";
import { startEngine } from "./cpu/engine.ts";
import { installKernels } from "./webgpu/install_kernels.ts";
import { displayable } from "../display/displayable.ts";
import { parseOptions } from "../options/parse_options.ts";
import { openWebgpuDevice, WebgpuUnavailableError } from "../backend/webgpu_device.ts";

/** Options of {@linkcode useBackend}. */
export interface BackendOptions {
  /** `auto` takes webgpu when there is a real adapter, else the CPU. @default "auto" */
  backend?: "auto" | "webgpu" | "cpu";
  /** Count a software adapter (lavapipe, SwiftShader) as one; it is for checking kernels, not for speed. @default false */
  allowSoftware?: boolean;
  /** CPU threads. @default all cores, at most 8 */
  threads?: number;
  /** Use a native BLAS on the CPU when one is found. @default true */
  blas?: boolean;
}

const backendSchema = z.strictObject({
  backend: z.enum(["auto", "webgpu", "cpu"]).default("auto"),
  allowSoftware: z.boolean().default(false),
  threads: z.int().min(1).optional(),
  blas: z.boolean().default(true),
});

/** The device in use. */
export interface BackendDescription {
  /** tfjs's backend. */
  backend: "webgpu" | "wasm";
  /** The adapter's name, or what the CPU path is made of. */
  device: string;
  /** Threads that compute on the CPU. */
  threads: number;
  /** Why this one, in words. */
  reason: string;
}

/**
 * Chooses the device for everything that follows: webgpu when an adapter exists, else WebAssembly with our kernels and a native BLAS,
 * else our SIMD product.
 *
 * @throws {WebgpuUnavailableError} when webgpu is asked for and there is no adapter
 * @example
 * ```ts
 * import { useBackend } from "../../mod.ts";
 * const backend = await useBackend(); // shows: adapter or CPU, kernels, threads
 * ```
 */
export async function useBackend(
  options: BackendOptions | "auto" | "webgpu" | "cpu" = {},
): Promise<BackendDescription> {
  const { backend, allowSoftware, threads, blas } = parseOptions(
    backendSchema,
    typeof options === "string" ? { backend: options } : options,
    "useBackend",
  );
  let why = "the CPU was asked for";
  if (backend !== "cpu") {
    try {
      const { name, software } = await openWebgpuDevice({
        allowSoftware: allowSoftware || backend === "webgpu",
      });
      installKernels();
      return describe({
        backend: "webgpu",
        device: name,
        threads: 1,
        reason: software ? "a software adapter, which was asked for" : "a WebGPU adapter was found",
      });
    } catch (error) {
      if (backend === "webgpu" || !(error instanceof WebgpuUnavailableError)) throw error;
      why = error.message;
    }
  }
  const engine = await startEngine({ threads, blas });
  const product = engine.blas
    ? `BLAS from ${engine.blas.path}`
    : blas === false || Deno.env.get("SHOWWORK_BLAS") === "none"
    ? "our SIMD matrix product (a BLAS was not wanted)"
    : "our SIMD matrix product (no BLAS found: install libopenblas0, or run `deno task demo` once, and training is about twice as fast)";
  return describe({
    backend: "wasm",
    device: `WebAssembly SIMD kernels, ${product}`,
    threads: engine.threads,
    reason: why,
  });
}

function describe(description: BackendDescription): BackendDescription {
  const { backend, device, threads, reason } = description;
  return displayable(description, {
    text: () =>
      `${backend === "wasm" ? "CPU" : "WebGPU"}: ${device}, ${threads} thread${
        threads === 1 ? "" : "s"
      } (${reason}; tfjs ${tf.version_core})`,
  });
}
