import { hasSubgroups } from "./command_stream.ts";

/** Sum over a workgroup: `total(value, lane)`, called by every invocation; `size` a power of two. */
export const workgroupTotal = (size: number): string =>
  hasSubgroups()
    ? `
var<workgroup> sums: array<f32, ${size}>;
fn total(value: f32, lane: i32) -> f32 {
  let part = subgroupAdd(value);
  workgroupBarrier();
  if (subgroup_lane == 0u) { sums[subgroup] = part; }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < subgroups; i++) { sum += sums[i]; }
  return sum;
}`
    : `
var<workgroup> sums: array<f32, ${size}>;
fn total(value: f32, lane: i32) -> f32 {
  workgroupBarrier();
  sums[lane] = value;
  workgroupBarrier();
  for (var step = ${size / 2}; step > 0; step /= 2) {
    if (lane < step) { sums[lane] += sums[lane + step]; }
    workgroupBarrier();
  }
  return sums[0];
}`;
