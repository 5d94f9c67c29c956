import { hasSubgroups } from "./command_stream.ts";

/** A kernel's text, and what its pipeline depends on. */
export interface KernelText {
  /** Names the pipeline: everything that changes the code must be in it. Types of the bindings are added. */
  key: string;
  /** Invocations a workgroup. @default 64 */
  workgroupSize?: number;
  /** Functions and workgroup variables; a function is asked once a pipeline, which matters where the text is long. */
  declarations?: string | (() => string);
  /**
   * The body; it sees `group`, `lane` and `index` = group · workgroupSize + lane, all i32, and with subgroups `subgroup`, its
   * number in the workgroup, of `subgroups`, and `subgroup_lane`, all u32. It returns early only where no barrier follows: DX12's
   * compiler refuses others.
   */
  body: string | (() => string);
}

/** A compiled kernel. */
export interface Pipeline {
  name: string;
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
}

/** A kernel that was compiled. */
export interface Compilation {
  name: string;
  /** Milliseconds until the driver had it; some go on in the background and let the first launch wait. */
  milliseconds: number;
}

const compilations: Compilation[] = [];

/** The pipelines compiled so far, in order: each kernel's first launch makes one. */
export function compiledPipelines(): readonly Compilation[] {
  return compilations;
}

/** The pipeline of a kernel for these bindings, made on first use. */
export function pipelineOf(
  { key, workgroupSize = 64, declarations = "", body }: KernelText,
  { types, uniforms, device, pipelines }: {
    types: { name: string; type: string; writable: boolean }[];
    uniforms: string[][];
    device: GPUDevice;
    pipelines: Map<string, Pipeline>;
  },
): Pipeline {
  const sub = hasSubgroups();
  const name = `${key}/${workgroupSize}/${types.map(({ type }) => type)}${sub ? "/subgroups" : ""}`,
    held = pipelines.get(name);
  if (held) return held;
  const from = performance.now(),
    text = (part: string | (() => string)) => typeof part === "string" ? part : part();
  const declared = text(declarations);
  const code = `
struct Uniforms { ${uniforms.map(([field, type]) => `${field}: ${type}`).join(", ")} };
${
    types.map(({ name, type, writable }, i) =>
      `@group(0) @binding(${i}) var<storage, ${writable ? "read_write" : "read"}> ${name}: array<${type}>;`
    ).join("\n")
  }
@group(0) @binding(${types.length}) var<uniform> u: Uniforms;
${sub ? "var<private> subgroup: u32; var<private> subgroups: u32; var<private> subgroup_lane: u32;" : ""}
${declared}
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(num_workgroups) workgroups: vec3<u32>,
        @builtin(local_invocation_index) invocation: u32${
    sub
      ? `, @builtin(subgroup_id) subgroup_index: u32,
        @builtin(num_subgroups) subgroup_count: u32, @builtin(subgroup_invocation_id) subgroup_place: u32`
      : ""
  }) {
  ${
    // AMD's driver clears workgroup memory late, over what a kernel stored at once (gfx-rs/wgpu#4591)
    declared.includes("var<workgroup>") ? "workgroupBarrier();" : ""}
  ${sub ? "subgroup = subgroup_index; subgroups = subgroup_count; subgroup_lane = subgroup_place;" : ""}
  let group = u.firstGroup + i32(workgroup.x + workgroup.y * workgroups.x);
  let lane = i32(invocation);
  let index = group * ${workgroupSize} + lane;
${text(body)}
}`;
  const visibility = GPUShaderStage.COMPUTE;
  const layout = device.createBindGroupLayout({
    entries: [
      ...types.map(({ writable }, binding) => ({
        binding,
        visibility,
        buffer: { type: writable ? "storage" as const : "read-only-storage" as const },
      })),
      { binding: types.length, visibility, buffer: { type: "uniform" as const, hasDynamicOffset: true } },
    ],
  });
  const pipeline = device.createComputePipeline({
    label: name,
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: device.createShaderModule({ label: name, code }), entryPoint: "main" },
  });
  const made = { pipeline, layout, name };
  compilations.push({ name, milliseconds: performance.now() - from });
  pipelines.set(name, made);
  return made;
}
