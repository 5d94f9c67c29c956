import { chunkNumbers, samplingChunk, samplingLanes } from "./sampling_functions.ts";
import { unrolled } from "./unrolled.ts";

/** Tokens that are put in order in workgroup memory. */
const mostCandidates = 1024;

/** Workgroup memory for {@linkcode samplingCandidates}. */
export const candidateDeclarations = `
var<workgroup> keys: array<u32, ${mostCandidates}>;
var<workgroup> ids: array<i32, ${mostCandidates}>;
var<workgroup> found: atomic<u32>;
/** Sums of what invocations up to this one give, in their order. */
var<workgroup> up_to: array<f32, ${samplingLanes}>;
fn running(value: f32, lane: i32) -> f32 {
  workgroupBarrier();
  up_to[lane] = value;
  workgroupBarrier();
  ${
  unrolled(Math.log2(samplingLanes), (i) =>
    `{
    var sum = up_to[lane];
    if (lane >= ${1 << i}) { sum += up_to[lane - ${1 << i}]; }
    workgroupBarrier();
    up_to[lane] = sum;
    workgroupBarrier();
  }`)
}
  return up_to[lane];
}`;

/**
 * WGSL that finds the tokens that top-k and top-p could keep by the chunks' histograms and puts them in order, the most likely first:
 * leaves their number in `candidates`, 0 where more stand so high than workgroup memory holds, and the filters' `floor_value` where not.
 */
export const samplingCandidates = ({ byCount, byMass }: { byCount: boolean; byMass: boolean }): string => `
  let up = level(top);
  var own_level = 0.0;
  for (var chunk = 0; chunk < u.chunks; chunk++) {
    let at = group * u.chunks + chunk;
    let below = level(bitcast<f32>(numbers[at * ${chunkNumbers}])) - up + lane;
    if (below >= 0 && below < 255) { own_level += levels[at * ${samplingLanes} + below]; }
  }
  ${
  byCount ? "let enough = f32(u.topK);" : `own_level *= exp(0.25 * f32(up - lane + 1) - top);
  // beyond the rounding of both sums
  let enough = u.topP * mass * 1.0001;`
}
  let reached = running(own_level, lane) >= enough;
  let last = largest(select(0.0, 1.0, reached), lane, lane);
  let lowest = up - last;
  if (lane == 0) { atomicStore(&found, 0u); }
  if (highest == 0.0) {
    if (lane == 0) { atomicStore(&found, ${mostCandidates + 1}u); }
  }
  workgroupBarrier();
  if (highest > 0.0) {
    for (var chunk = 0; chunk < u.chunks; chunk++) {
      if (level(bitcast<f32>(numbers[(group * u.chunks + chunk) * ${chunkNumbers}])) < lowest) { continue; }
      let end = min(u.vocabulary, (chunk + 1) * ${samplingChunk});
      for (var i = chunk * ${samplingChunk} + lane; i < end; i += ${samplingLanes}) {
        let z = scaled(base + i);
        if (level(z) >= lowest) {
          let at = atomicAdd(&found, 1u);
          if (at < ${mostCandidates}u) {
            keys[at] = key_of(z);
            ids[at] = i;
          }
        }
      }
    }
  }
  workgroupBarrier();
  var candidates = i32(atomicLoad(&found));
  if (candidates > ${mostCandidates}) { candidates = 0; }
  var size = 2;
  while (size < candidates) { size *= 2; }
  for (var i = candidates + lane; i < size; i += ${samplingLanes}) {
    keys[i] = 0u;
    ids[i] = u.vocabulary;
  }
  workgroupBarrier();
  // a bitonic sort: higher keys first, of equal ones the smaller place
  for (var run = 2; run <= size; run *= 2) {
    for (var step = run / 2; step > 0; step /= 2) {
      for (var pair = lane; pair < size / 2; pair += ${samplingLanes}) {
        let a = pair / step * 2 * step + pair % step;
        let b = a + step;
        let wrong = keys[a] < keys[b] || (keys[a] == keys[b] && ids[a] > ids[b]);
        if (wrong == ((a & run) == 0)) {
          let key = keys[a];
          keys[a] = keys[b];
          keys[b] = key;
          let id = ids[a];
          ids[a] = ids[b];
          ids[b] = id;
        }
      }
      workgroupBarrier();
    }
  }
  if (candidates > 0) {
    let limit = ${byCount ? "min(u.topK, candidates)" : "candidates"};
    floor_value = value_of(keys[limit - 1]);
    ${
  byMass
    ? `var ahead = 0.0;
    ${
      unrolled(mostCandidates / samplingLanes, (i) =>
        `let place${i} = lane * ${mostCandidates / samplingLanes} + ${i};
    var share${i} = 0.0;
    if (place${i} < limit) { share${i} = exp(value_of(keys[place${i}]) - top); }
    ahead += share${i};`)
    }
    var sum = running(ahead, lane) - ahead;
    ${byCount ? `let wanted = u.topP * up_to[${samplingLanes - 1}];` : "let wanted = u.topP * mass;"}
    var first = 1e9;
    ${
      unrolled(mostCandidates / samplingLanes, (i) =>
        `sum += share${i};
    if (place${i} < limit && sum >= wanted) { first = min(first, f32(place${i})); }`)
    }
    largest(-first, lane, lane);
    if (highest > -1e9) { floor_value = value_of(keys[i32(-highest)]); }`
    : ""
}
  }`;
