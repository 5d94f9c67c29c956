import { samplingLanes } from "./sampling_functions.ts";
import { unrolled } from "./unrolled.ts";

/**
 * WGSL that leaves in `name` the largest key above which, itself included, the row's numbers from `least` on weigh `wanted` or more: four
 * bits of a float at a time, each pass over the row counting above fifteen thresholds at once. Sums are in a fixed order, so that the
 * key is the same on every run. The digits are a loop: its eight turns cost nothing beside their passes, and written out they take a
 * driver minutes to compile.
 */
const largestKey = (
  name: string,
  { least, weight, wanted }: { least: string; weight: (z: string) => string; wanted: string },
) => `
  var ${name} = 0u;
  for (var shift = 28; shift >= 0; shift -= 4) {
    ${unrolled(15, (i) => `var above${i + 1} = 0.0;`)}
    let lower = max(${name}, ${least});
    for (var i = lane; i < u.vocabulary; i += ${samplingLanes}) {
      let z = scaled(base + i);
      let key = key_of(z);
      if (key >= lower) {
        let w = ${weight("z")};
        let digit = min(15u, (key - ${name}) >> u32(shift));
        ${unrolled(15, (i) => `above${i + 1} += select(0.0, w, digit >= ${i + 1}u);`)}
      }
    }
    var digit = 0u;
    ${unrolled(15, (i) => `if (total(above${i + 1}, lane) >= ${wanted}) { digit = ${i + 1}u; }`)}
    ${name} |= digit << u32(shift);
  }`;

/** WGSL that finds `floor_value` for top-k and top-p, however many tokens they keep. No sort: a pass a digit. */
export const samplingDigits = ({ byCount, byMass }: { byCount: boolean; byMass: boolean }): string =>
  `${
    byCount
      ? `
${largestKey("count_key", { least: "0u", weight: () => "1.0", wanted: "f32(u.topK)" })}
  floor_value = value_of(count_key);`
      : ""
  }
  ${
    byMass
      ? `
  var kept = 0.0;
  for (var i = lane; i < u.vocabulary; i += ${samplingLanes}) {
    let z = scaled(base + i);
    if (z >= floor_value) { kept += exp(z - top); }
  }
  let wanted = u.topP * total(kept, lane);
  let least = key_of(floor_value);
${largestKey("mass_key", { least: "least", weight: (z) => `exp(${z} - top)`, wanted: "wanted" })}
  floor_value = value_of(max(mass_key, least));`
      : ""
  }`;
