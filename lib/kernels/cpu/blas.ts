/**
 * Matrix products by a native BLAS through `Deno.dlopen`, on addresses of the WebAssembly heap: twice the speed of
 * the SIMD product, and a call costs under a microsecond.
 */

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isCheckout, packageRoot } from "../../backend/package_files.ts";
import { coreName, findKernels } from "./blas_kernels.ts";
import type { BlasLibrary } from "./blas_library.ts";
import { nativeAddresses } from "./heap_address.ts";

/** C (+)= op(A)·op(B) on byte addresses within the heap, with a BLAS within further memories too; leading dimensions in floats. C is overwritten unless `accumulate`. */
export type Gemm = (
  transposeA: boolean,
  transposeB: boolean,
  m: number,
  n: number,
  k: number,
  a: number,
  lda: number,
  b: number,
  ldb: number,
  c: number,
  ldc: number,
  accumulate?: boolean,
) => void;

/** Virtual environments that may hold the wheel `scipy-openblas32`: the one in use, and those of this folder and the ones above it. */
function virtualEnvironments(): string[] {
  const found = [Deno.env.get("VIRTUAL_ENV") ?? ""];
  for (let folder = Deno.cwd();; folder = dirname(folder)) {
    found.push(join(folder, ".venv"));
    if (dirname(folder) === folder) break;
  }
  if (isCheckout) found.push(fileURLToPath(new URL(".venv", packageRoot)));
  return [...new Set(found.filter((folder) => folder !== ""))];
}

/** The entries of a folder, none when there is no such folder. */
function entries(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => join(folder, name));
  } catch {
    return [];
  }
}

function wheelLibraries(): string[] {
  return virtualEnvironments().flatMap((root) => [
    ...entries(join(root, "lib")).map((python) => join(python, "site-packages")),
    join(root, "Lib", "site-packages"),
  ]).flatMap((packages) => entries(join(packages, "scipy_openblas32", "lib")))
    .filter((file) => /libscipy_openblas.*\.(so|dylib|dll)$/.test(file));
}

function candidates(): string[] {
  const chosen = Deno.env.get("SHOWWORK_BLAS");
  if (chosen === "none") return [];
  if (chosen) return [chosen];
  const system = Deno.build.os === "darwin"
    ? [
      "/System/Library/Frameworks/Accelerate.framework/Accelerate",
      "libopenblas.dylib",
      "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
    ]
    : Deno.build.os === "windows"
    ? ["libopenblas.dll"]
    : ["libopenblas.so.0", "libopenblas.so"];
  return [...system, ...wheelLibraries()];
}

function open({ path, prefix }: Pick<BlasLibrary, "path" | "prefix">) {
  return Deno.dlopen(path, {
    sgemm: {
      name: `${prefix}cblas_sgemm`,
      parameters: [
        "i32",
        "i32",
        "i32",
        "i32",
        "i32",
        "i32",
        "f32",
        "usize",
        "i32",
        "usize",
        "i32",
        "f32",
        "usize",
        "i32",
      ],
      result: "void",
    },
  });
}

/**
 * Keeps a library in the process for good (RTLD_NODELETE): a worker or a test that ends closes what it opened, and a BLAS that is
 * unloaded while another thread computes takes the process with it.
 */
function pin(path: string): void {
  if (Deno.build.os !== "linux") return;
  try {
    const { symbols } = Deno.dlopen("libc.so.6", {
      dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
    });
    symbols.dlopen(new TextEncoder().encode(`${path}\0`), 0x1002);
  } catch {
    return; // no glibc: the library stays as long as this process holds it open
  }
}

/** The first BLAS on this machine that opens: Accelerate, OpenBLAS, or the one in the notebook environment's wheel. */
export function findBlas(): BlasLibrary | null {
  for (const path of candidates()) {
    for (const prefix of ["", "scipy_"]) {
      try {
        open({ path, prefix });
        pin(path);
        const library = { path, prefix }, core = coreName(library);
        const smallProducts = ["SKYLAKEX", "COOPERLAKE", "SAPPHIRERAPIDS"].includes(core ?? "");
        return { ...library, kernels: findKernels(library), smallProducts };
      } catch {
        continue;
      }
    }
  }
  return null;
}

/** Opens `library` with one thread (the worker pool splits the work) for the heap, the first of `memories`, and those beside it. */
export function openBlas(library: BlasLibrary, memories: readonly WebAssembly.Memory[]): Gemm {
  try {
    Deno.dlopen(library.path, {
      set: { name: `${library.prefix}openblas_set_num_threads`, parameters: ["i32"], result: "void" },
    }).symbols.set(1);
  } catch {
    // Accelerate has no such symbol
  }
  const place = nativeAddresses(memories), { sgemm } = open(library).symbols;
  return (transposeA, transposeB, m, n, k, a, lda, b, ldb, c, ldc, accumulate) => {
    // deno's types ask for bigint, its fast calls take numbers below 2^53
    sgemm(
      101,
      transposeA ? 112 : 111,
      transposeB ? 112 : 111,
      m,
      n,
      k,
      1,
      place(a) as unknown as bigint,
      lda,
      place(b) as unknown as bigint,
      ldb,
      accumulate ? 1 : 0,
      place(c) as unknown as bigint,
      ldc,
    );
  };
}
