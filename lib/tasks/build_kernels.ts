/**
 * `deno task kernels`: compiles the AssemblyScript CPU kernels into `lib/kernels/cpu/kernels.wasm`, which is
 * committed; a test holds the file to its sources.
 */
import asc from "assemblyscript/asc";
import { gemmSource } from "../kernels/cpu/gemm_source.ts";

const folder = new URL("../kernels/cpu/", import.meta.url);
const parts = ["vector_math.as.ts", "elementwise.as.ts", "sampling.as.ts"];

/** Compiles the kernels and returns the module's bytes. */
export async function buildKernels(): Promise<Uint8Array> {
  const sources: Record<string, string> = { "gemm.as.ts": gemmSource() };
  for (const part of parts) sources[part] = await Deno.readTextFile(new URL(part, folder));
  sources["kernels.ts"] = Object.keys(sources).map((file) => `export * from "./${file.slice(0, -3)}";`).join(
    "\n",
  );
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main([
    "kernels.ts",
    "-o",
    "kernels.wasm",
    "-O2", // -O3 reorders the product's inner loop: 28 GFLOP/s a core, against 41
    "--noAssert",
    "--runtime",
    "stub",
    "--importMemory",
    "--sharedMemory",
    "--initialMemory",
    "1",
    "--maximumMemory",
    "65536",
    "--enable",
    "simd,relaxed-simd,threads",
  ], {
    readFile: (name: string) => sources[name] ?? null,
    writeFile: (name: string, contents: string | Uint8Array) => {
      if (name.endsWith(".wasm")) binary = contents as Uint8Array;
    },
    listFiles: () => [],
  });
  if (error || !binary) throw new Error(`compiling the CPU kernels failed:\n${stderr.toString()}`);
  return binary;
}

if (import.meta.main) {
  const bytes = await buildKernels();
  await Deno.writeFile(new URL("kernels.wasm", folder), bytes);
  console.log(`lib/kernels/cpu/kernels.wasm: ${bytes.length} bytes`);
}
