/** What a machine's files say about its GPU, given whether a path exists: pure, so that machines can be invented in tests. */
export function gpuHint(exists: (path: string) => boolean, os: string = Deno.build.os): string | null {
  if (os !== "linux") return null;
  const loader = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"].some((
    folder,
  ) => exists(`${folder}/libvulkan.so.1`));
  const nvidia = exists("/proc/driver/nvidia/version") || exists("/dev/nvidia0"), wsl = exists("/dev/dxg");
  const mesa = exists("/dev/dri/renderD128");
  const drivers = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
  const has = (name: string) => drivers.some((folder) => exists(`${folder}/${name}`));
  if (!nvidia && !wsl && !mesa) return null;
  const card = nvidia ? "an NVIDIA GPU" : wsl ? "a GPU of Windows (WSL)" : "a GPU";
  if (!loader) {
    return `${card} is here and no Vulkan loader: apt-get install libvulkan1, then ${
      nvidia ? "the driver's Vulkan part (below)" : "mesa-vulkan-drivers"
    }`;
  }
  if (nvidia && !has("nvidia_icd.json")) {
    return "an NVIDIA GPU is here and its Vulkan driver is not: apt-get install libnvidia-gl-VERSION of your driver's version " +
      "(in a container: NVIDIA_DRIVER_CAPABILITIES=all), or set VK_DRIVER_FILES to its nvidia_icd.json";
  }
  if (wsl && !has("dzn_icd.x86_64.json")) {
    return "a GPU of Windows (WSL) is here and no Vulkan driver for it: apt-get install mesa-vulkan-drivers of Mesa 23.2 or later (dzn)";
  }
  if (mesa && !["radeon_icd.x86_64.json", "intel_icd.x86_64.json", "nouveau_icd.x86_64.json"].some(has)) {
    return "a GPU is here and no Vulkan driver for it: apt-get install mesa-vulkan-drivers";
  }
  return null;
}
