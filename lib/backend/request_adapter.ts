/**
 * Asks for a WebGPU adapter, on Linux for one of Vulkan's alone, unless DENO_WEBGPU_BACKEND names others.
 *
 * Deno would also ask EGL for OpenGL's adapters. libglvnd's libEGL frees what it keeps for a thread in its own destructor, and once
 * more when that thread ends: a test file or a worker that ends while the process exits then finds its heap damaged, and the process
 * dies of SIGABRT or SIGSEGV with its work done. With Vulkan alone libEGL is never loaded.
 *
 * @example
 * ```ts
 * const adapter = await requestAdapter({ powerPreference: "high-performance" });
 * ```
 */
export async function requestAdapter(options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> {
  const variable = "DENO_WEBGPU_BACKEND";
  // Deno reads it once, with the first adapter
  if (Deno.build.os === "linux" && Deno.env.get(variable) === undefined) Deno.env.set(variable, "vulkan");
  return await navigator.gpu?.requestAdapter(options) ?? null;
}
