import assert from "node:assert/strict";
import { gpuHint } from "../../lib/backend/gpu_hint.ts";

const loader = "/usr/lib/x86_64-linux-gnu/libvulkan.so.1", icd = "/usr/share/vulkan/icd.d";
const machines: [string, string[], RegExp | null][] = [
  ["no GPU", [], null],
  [
    "an NVIDIA card without a loader",
    ["/dev/nvidia0"],
    /NVIDIA GPU is here and no Vulkan loader: apt-get install libvulkan1/,
  ],
  [
    "an NVIDIA card without its ICD",
    ["/dev/nvidia0", loader, `${icd}/lvp_icd.x86_64.json`],
    /libnvidia-gl-VERSION/,
  ],
  ["an NVIDIA card with its ICD", ["/dev/nvidia0", loader, `${icd}/nvidia_icd.json`], null],
  ["the same from /etc", ["/dev/nvidia0", loader, "/etc/vulkan/icd.d/nvidia_icd.json"], null],
  ["WSL without dzn", ["/dev/dxg", loader], /WSL.*mesa-vulkan-drivers/],
  ["WSL with dzn", ["/dev/dxg", loader, `${icd}/dzn_icd.x86_64.json`], null],
  ["an AMD card without Mesa", ["/dev/dri/renderD128", loader], /apt-get install mesa-vulkan-drivers/],
  ["an AMD card with Mesa", ["/dev/dri/renderD128", loader, `${icd}/radeon_icd.x86_64.json`], null],
];

for (const [machine, files, expected] of machines) {
  Deno.test(`gpuHint() on Linux with ${machine}`, () => {
    const hint = gpuHint((path) => files.includes(path), "linux");
    if (expected === null) assert.equal(hint, null);
    else assert.match(hint ?? "", expected);
  });
}

Deno.test("gpuHint() says nothing where Vulkan is not what Deno uses", () => {
  assert.equal(gpuHint(() => true, "darwin"), null);
  assert.equal(gpuHint(() => true, "windows"), null);
});
