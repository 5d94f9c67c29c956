/**
 * `deno task kernels`: compiles the AssemblyScript CPU kernels into `lib/kernels/cpu/kernels.wasm` and their types into
 * `wasm_kernels.d.ts`, which are committed; a test holds both to their sources.
 */
import { join } from "node:path";
import { gemmSource } from "../kernels/cpu/gemm_source.ts";

const folder = new URL("../kernels/cpu/", import.meta.url);
/** The compiler, which is run apart from this project: 200 MB that no user needs. */
const compiler = "npm:assemblyscript@0.28.20/asc",
  apart = ["--no-config", "--no-lock", "--node-modules-dir=none"];
const options = [
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
  "--bindings",
  "raw",
  "--disableWarning", // of vector constants, which only the kernels themselves read
  "112",
];
const parts = ["vector_math.as.ts", "elementwise.as.ts", "sampling.as.ts"];

/** The kernels' functions as TypeScript has them, from the declarations that the compiler writes; not those of vectors. */
function declarations(written: string): string {
  const functions = [...written.matchAll(/export function (\w+)(\([^)]*\): \w+);/g)].filter(([, , type]) =>
    !type.includes("unknown")
  );
  return `// deno-fmt-ignore-file
/** The exports of kernels.wasm, on byte addresses. Generated from its sources by \`deno task kernels\`. */
export interface WasmKernels {
${functions.map(([, name, type]) => `  ${name}${type};\n`).join("")}}
`;
}

/** Compiles the kernels: the module's bytes, and the types of what it exports. */
export async function buildKernels(): Promise<{ binary: Uint8Array; types: string }> {
  const sources: Record<string, string> = { "gemm.as.ts": gemmSource() };
  for (const part of parts) sources[part] = await Deno.readTextFile(new URL(part, folder));
  sources["kernels.ts"] = Object.keys(sources).map((file) => `export * from "./${file.slice(0, -3)}";`).join(
    "\n",
  );
  const work = await Deno.makeTempDir();
  try {
    for (const [name, source] of Object.entries(sources)) await Deno.writeTextFile(join(work, name), source);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", ...apart, compiler, ...options],
      cwd: work,
      stdin: "null",
    }).output();
    if (!success) throw new Error(`compiling the CPU kernels failed:\n${new TextDecoder().decode(stderr)}`);
    return {
      binary: await Deno.readFile(join(work, "kernels.wasm")),
      types: declarations(await Deno.readTextFile(join(work, "kernels.d.ts"))),
    };
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

if (import.meta.main) {
  const { binary, types } = await buildKernels();
  await Deno.writeFile(new URL("kernels.wasm", folder), binary);
  await Deno.writeTextFile(new URL("wasm_kernels.d.ts", folder), types);
  console.log(`lib/kernels/cpu/kernels.wasm: ${binary.length} bytes`);
}
