/**
 * `deno task doctor`: what this machine has for training, and what to do about what is missing.
 *
 * @module
 */
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { gpuHint } from "../backend/gpu_hint.ts";
import { heapLimit } from "../backend/shared_wasm.ts";
import { openWebgpuDevice, WebgpuUnavailableError } from "../backend/webgpu_device.ts";
import { findBlas } from "../kernels/cpu/blas.ts";
import { projectRoot } from "./environment.ts";

/** One thing that was looked at. */
export interface Finding {
  what: string;
  found: string;
  /** What a person can do about it; absent when all is well. */
  remedy?: string;
}

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
const exists = (path: string) => {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
};

async function gpu(): Promise<Finding[]> {
  try {
    const { name, software, limits, features } = await openWebgpuDevice({ allowSoftware: true });
    const bounds = ["maxBufferSize", "maxStorageBufferBindingSize"].map((limit) =>
      `${limit} ${gigabytes(limits[limit])}`
    );
    const remedy = software
      ? gpuHint(exists) ??
        "a software adapter is for checking kernels: the CPU path is faster, and is what is used"
      : undefined;
    return [
      { what: "WebGPU adapter", found: name, remedy },
      { what: "its limits", found: [...bounds, ...features].join(", ") },
    ];
  } catch (error) {
    if (!(error instanceof WebgpuUnavailableError)) throw error;
    return [{
      what: "WebGPU adapter",
      found: "none",
      remedy: gpuHint(exists) ??
        "the CPU path is used; a GPU needs a driver with Vulkan, Metal or DirectX 12",
    }];
  }
}

function blas(): Finding {
  const library = findBlas();
  return {
    what: "BLAS",
    found: library?.path ?? "none: our SIMD product",
    remedy: library
      ? undefined
      : "apt-get install libopenblas0, or run the demo once, which brings one: training is about twice as fast",
  };
}

async function kernel(): Promise<Finding> {
  const environment = join(projectRoot, ".venv"),
    spec = join(environment, "share", "jupyter", "kernels", "deno");
  const made = exists(join(spec, "kernel.json"));
  if (!made) {
    return {
      what: "Jupyter and its kernel",
      found: "not made yet",
      remedy: "deno task demo or deno task lab makes them",
    };
  }
  const { argv } = JSON.parse(await Deno.readTextFile(join(spec, "kernel.json")));
  return {
    what: "Jupyter and its kernel",
    found: argv[0],
    remedy: exists(argv[0])
      ? undefined
      : "that Deno is gone: run deno task lab again, which puts this one in its place",
  };
}

async function memory(): Promise<Finding[]> {
  const { total, available } = Deno.systemMemoryInfo(), disk = await statfs(projectRoot);
  const free = disk.bavail * disk.bsize;
  return [
    {
      what: "memory",
      found: `${gigabytes(available)} of ${gigabytes(total)} free; tensors on the CPU may take ${
        gigabytes(heapLimit)
      }`,
      remedy: available < 2e9
        ? "less than 2 GB are free: close other programs, or lower batchSize and maxLength"
        : undefined,
    },
    {
      what: "disk",
      found: `${gigabytes(free)} free in ${projectRoot}`,
      remedy: free < 5e9
        ? "checkpoints and models of the hub need more: free some, or set HF_HOME to another disk"
        : undefined,
    },
  ];
}

/** Looks at everything; nothing is changed or installed. */
export async function examineMachine(): Promise<Finding[]> {
  const { deno, v8 } = Deno.version, { os, arch } = Deno.build;
  return [
    { what: "Deno", found: `${deno} (V8 ${v8}) on ${os} ${arch}, ${navigator.hardwareConcurrency} cores` },
    ...await gpu(),
    blas(),
    await kernel(),
    ...await memory(),
  ];
}

if (import.meta.main) {
  const findings = await examineMachine(), width = Math.max(...findings.map(({ what }) => what.length));
  for (const { what, found } of findings) console.log(`${what.padEnd(width)}  ${found}`);
  const open = findings.filter(({ remedy }) => remedy);
  console.log(open.length ? "" : "\nNothing is missing.");
  for (const { what, remedy } of open) console.log(`${what}: ${remedy}.`);
  Deno.exit();
}
