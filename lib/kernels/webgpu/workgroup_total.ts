import { hasSubgroups } from "./command_stream.ts";
import { halvings } from "./unrolled.ts";

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
  ${halvings(size, (step) => `if (lane < ${step}) { sums[lane] += sums[lane + ${step}]; }`)}
  return sums[0];
}`;
