import assert from "node:assert/strict";
import { dirname, join, normalize } from "node:path";

/** The floors from the ground up; rooms of one floor may import each other. README's architecture section draws them. */
const floors = [
  ["answers", "backend", "display", "options", "random"],
  ["kernels"],
  ["ops"],
  ["text"],
  ["weights"],
  ["generation"],
  ["models"],
  ["rewards", "schedules", "formats", "graph", "data"],
  ["training"],
  ["stages"],
  ["config"],
  ["notebook", "report", "lab", "cluster", "trackers"],
  ["tasks"],
];

/** Every file of `lib` with the files of `lib` that it imports, types included. */
async function imports(): Promise<Map<string, string[]>> {
  const edges = new Map<string, string[]>(), root = new URL("../", import.meta.url).pathname;
  const walk = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(join(root, folder))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) await walk(path);
      else if (path.endsWith(".ts") && !path.endsWith(".d.ts")) {
        const text = (await Deno.readTextFile(join(root, path))).replace(
          /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm,
          "",
        );
        const found = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, to]) =>
          normalize(join(dirname(path), to))
        );
        edges.set(path, found.filter((to) => to.startsWith("lib/")));
      }
    }
  };
  await walk("lib");
  return edges;
}

Deno.test("imports point down: no room imports one that is floors above it", async () => {
  const edges = await imports(),
    floor = new Map(floors.flatMap((rooms, i) => rooms.map((room) => [room, i])));
  const room = (path: string) => path.split("/")[1];
  assert.ok(edges.size > 200, `read only ${edges.size} files`);
  for (const path of edges.keys()) {
    assert.ok(floor.has(room(path)), `${path} stands in a room that has no floor`);
  }
  const upward = [...edges].flatMap(([from, to]) =>
    to.filter((target) => floor.get(room(target))! > floor.get(room(from))!).map((target) =>
      `${from} -> ${target}`
    )
  );
  assert.deepEqual(upward, []);
});

Deno.test("no file imports itself by way of others", async () => {
  const edges = await imports(), circles = new Set<string>();
  for (const start of edges.keys()) {
    const seen = new Set<string>(), open = [...edges.get(start)!];
    while (open.length > 0) {
      const path = open.pop()!;
      if (path === start) circles.add(start);
      if (seen.has(path)) continue;
      seen.add(path);
      open.push(...edges.get(path) ?? []);
    }
  }
  assert.deepEqual([...circles], []);
});

/** Files of a device that are no operation, each with the reason why the other device has none. */
const ofOneDevice = {
  cpu: {
    blas: "BLAS by FFI",
    blas_kernels: "tfjs-wasm's own products given to BLAS",
    blas_library: "where a BLAS lies",
    decode_phases: "decoding runs as tasks of threads, phase by phase",
    decode_plan: "addresses on the heap, once a run",
    decode_products: "decoding's products by rows in hand",
    decode_runner: "threads of decoding",
    engine: "wasm module, heap and threads",
    gemm_source: "the WebAssembly of the products, written by a program",
    heap_address: "where a tensor lies on the heap",
    huge_pages: "asks Linux for large pages under the heap",
    narrow_gemm: "products of few rows in pieces: WebGPU has kernels for them",
    pool: "threads",
    stored_product: "products of weights kept in few bits",
    tasks: "what a thread may be told to do",
    worker: "a thread",
  },
  webgpu: {
    activation_text: "WGSL that two kernels share",
    add_lines: "sums in a fixed order: the CPU's kernels add as they go",
    add_partials: "split products added up: the CPU splits none",
    binding: "parts of buffers under the adapter's binding limit",
    column_sums: "a bias's gradient: on the CPU a part of the product's task",
    command_stream: "tfjs's encoder",
    copy_cache_rows: "caches packed anew: the CPU's rows stay where they are",
    copy_numbers: "a token's end in the place of its beginning, for launches made again",
    factor_bindings: "what both products' kernels bind",
    gather_ints: "a stock kernel that rounds",
    heads_backward: "norms and rotation of heads: the CPU's attention does them itself",
    heads_forward: "the same",
    heads_plan: "the same",
    install_kernels: "stock kernels of tfjs-webgpu replaced",
    matrix_reader: "WGSL that reads weights kept in few bits",
    matrix_storage: "how a kernel sees such weights",
    multiply: "products: the CPU has BLAS",
    multiply_few_rows: "the same",
    multiply_tiles: "the same",
    pipelines: "compiled kernels",
    product: "what is multiplied",
    program: "a launch",
    recording: "launches made again: the CPU's decoding is one task",
    record_tokens: "one read-back for many tokens",
    residual_norms: "two norms in a launch: the CPU's decoding does them row by row",
    sample_tokens: "sampling: in the CPU's decoding task",
    sampling_candidates: "parts of its text",
    sampling_chunks: "its first stage",
    sampling_digits: "parts of its text",
    sampling_functions: "WGSL that both stages share",
    squared_norm_parts: "a sum over a whole card in two launches",
    squared_norms: "the same",
    tanh: "WGSL whose own overflows",
    tile_epilogue: "parts of the tiled product's text",
    tile_loading: "the same",
    tile_plan: "the same",
    tile_products: "the same",
    unrolled: "WGSL loops written out",
    workgroup_total: "WGSL that kernels share",
  },
} as const;

Deno.test("every operation has a file of one name on the CPU and on WebGPU, and every other file a reason", async () => {
  const root = new URL("../lib/kernels/", import.meta.url);
  const filesOf = async (device: string) =>
    (await Array.fromAsync(Deno.readDir(new URL(`${device}/`, root))))
      .flatMap(({ name }) => /^(?!.*\.(?:as|d)\.ts$)(.*)\.ts$/.exec(name)?.[1] ?? [])
      .filter((name) => name !== `${device}_kernels`);
  const [cpu, webgpu] = await Promise.all([filesOf("cpu"), filesOf("webgpu")]);
  const operations = cpu.filter((name) => webgpu.includes(name));
  assert.deepEqual(operations.sort(), [
    "adamw",
    "attention",
    "decode",
    "embedding",
    "gated_activation",
    "projection",
    "rms_norm",
    "token_logprobs",
  ]);
  for (const [device, files] of [["cpu", cpu], ["webgpu", webgpu]] as const) {
    const others = files.filter((name) => !operations.includes(name)),
      reasons = Object.keys(ofOneDevice[device]);
    // one kernel a file: `rms_norm_forward` is a part of `rms_norm`
    const partOf = (name: string) => operations.some((operation) => name.startsWith(`${operation}_`));
    assert.deepEqual(others.filter((name) => !reasons.includes(name) && !partOf(name)), [], device);
    assert.deepEqual(
      reasons.filter((name) => !others.includes(name)),
      [],
      `${device}: no such file any more`,
    );
    for (const operation of operations) {
      const text = await Deno.readTextFile(new URL(`${device}/${operation}.ts`, root));
      const name = operation.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
      const face = operation === "decode" ? "decode\\b" : `${name}Kernels\\b`;
      assert.match(text, new RegExp(`^export (const|function|async function) ${face}`, "m"), operation);
    }
  }
});

Deno.test("a WGSL kernel a file", async () => {
  const folder = new URL("../lib/kernels/webgpu/", import.meta.url), launches: Record<string, number> = {};
  for await (const { name } of Deno.readDir(folder)) {
    const text = await Deno.readTextFile(new URL(name, folder));
    launches[name] = [...text.matchAll(/^\s*launch\(/gm)].length;
  }
  assert.ok(Object.values(launches).filter((count) => count === 1).length > 20);
  assert.deepEqual(Object.entries(launches).filter(([, count]) => count > 1), []);
});

Deno.test("every exported name is documented, and every type that it needs is exported (deno doc --lint)", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", new URL("../mod.ts", import.meta.url).pathname],
    cwd: new URL("..", import.meta.url).pathname,
    env: { NO_COLOR: "1" },
    stdout: "null",
    stderr: "piped",
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert.equal(code, 0, said.slice(said.indexOf("error[")).slice(0, 4000));
});

/** Examples of the documentation that `deno task examples` does not run, and why not. */
const shownOnly: Record<string, string> = {
  "lib/backend/webgpu_memory.ts": "needs a card that is short of memory; tests/training has a test on one",
  "lib/generation/vllm_sampler.ts": "needs vLLM; tests/generation has a server that speaks its protocol",
  "lib/generation/vllm_teacher.ts": "the same",
  "lib/report/hub_files.ts": "needs an export with a model, 30 MB; tests/report makes one",
  "lib/report/push_to_hub.ts": "the same, and would send it",
  "lib/tasks/environment.ts": "installs JupyterLab",
  "lib/trackers/trackio_tracker.ts": "needs Trackio; tests/trackers has a server that speaks its protocol",
  "lib/trackers/wandb_tracker.ts": "needs an account; tests/trackers has a server that speaks its protocol",
  "lib/weights/hub.ts": "needs the hub; tests/weights has a server that speaks its protocol",
};

Deno.test("every example of the documentation runs, but those that are named here, and these import what is exported", async () => {
  const root = new URL("../", import.meta.url), exported = new Set(Object.keys(await import("../mod.ts")));
  const found: string[] = [];
  let running = 0;
  for (const path of (await imports()).keys()) {
    const text = await Deno.readTextFile(new URL(path, root));
    running += [...text.matchAll(/^\s*\* ```ts$/gm)].length;
    for (const [, example] of text.matchAll(/^\s*\* ```ts ignore\n([\s\S]*?)```/gm)) {
      found.push(path);
      for (const [, names] of example.matchAll(/import \{ ([^}]*) \} from "\.\.\/\.\.\/mod\.ts"/g)) {
        for (const name of names.split(", ")) assert.ok(exported.has(name), `${path}: ${name}`);
      }
    }
  }
  assert.ok(running > 180, `only ${running} run`);
  assert.deepEqual([...new Set(found)].sort(), Object.keys(shownOnly).sort());
});
