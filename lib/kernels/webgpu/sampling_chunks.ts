import type * as tf from "@tensorflow/tfjs-core";
import type { Binding } from "./binding.ts";
import { launch, output } from "./program.ts";
import type { OpenNumber } from "./recording.ts";
import { chunkNumbers, samplingChunk, samplingFunctions, samplingLanes } from "./sampling_functions.ts";
import { unrolled } from "./unrolled.ts";

/** What the first stage counts by level: nothing, tokens, or their probability. */
export type Counted = "nothing" | "tokens" | "mass";

/** Tokens of a chunk times this stay below 2³². */
const massUnits = 2 ** 18;

/**
 * The first stage of sampling: a workgroup takes 4,096 logits of a row into registers and leaves their numbers (bits of floats and
 * places, int32 [rows · chunks, 5]) and how many tokens, or how much probability in units of its level's upper edge, stand at each of 256
 * levels below its largest [rows · chunks, 256]. Whole numbers are added up, so that their order changes nothing. One launch.
 */
export function samplingChunks(
  logits: tf.Tensor2D,
  seeds: Binding,
  { counted, draws, beta, softcap, counter }: {
    counted: Counted;
    /** Whether a token is drawn here, as can be where nothing is filtered. */
    draws: boolean;
    beta: number;
    softcap: number;
    counter: number | OpenNumber;
  },
): { chunks: number; numbers: tf.Tensor2D; levels: tf.Tensor2D } {
  const [rows, vocabulary] = logits.shape, chunks = Math.ceil(vocabulary / samplingChunk);
  const numbers = output<tf.Tensor2D>([rows * chunks, chunkNumbers], "int32"),
    levels = output<tf.Tensor2D>([counted === "nothing" ? 1 : rows * chunks, samplingLanes]);
  const each = (text: (i: number) => string) => unrolled(samplingChunk / samplingLanes, text);
  launch({
    key: `sampling_chunks/${[counted, draws, softcap > 0]}`,
    workgroupSize: samplingLanes,
    groups: rows * chunks,
    reads: { logits, ...(draws ? { seeds } : {}) },
    writes: { numbers, ...(counted === "nothing" ? {} : { levels }) },
    ints: { vocabulary, chunks, counter },
    floats: { beta, softcap },
    declarations: `${samplingFunctions(softcap)}
${counted === "nothing" ? "" : `var<workgroup> tally: array<atomic<u32>, ${samplingLanes}>;`}`,
    body: `
  let row = group / u.chunks;
  let begin = group % u.chunks * ${samplingChunk} + lane;
  let base = row * u.vocabulary;
  var top = -3e38;
  var place = u.vocabulary;
  ${
      each((i) => `
  var z${i} = 0.0;
  if (begin + ${i * samplingLanes} < u.vocabulary) {
    z${i} = scaled(base + begin + ${i * samplingLanes});
    if (z${i} > top) { top = z${i}; place = begin + ${i * samplingLanes}; }
  }`)
    }
  place = largest(top, place, lane);
  top = highest;
  var own = 0.0;
  ${each((i) => `if (begin + ${i * samplingLanes} < u.vocabulary) { own += exp(z${i} - top); }`)}
  let mass = total(own, lane);
  if (lane == 0) {
    let at = group * ${chunkNumbers};
    numbers[at] = bitcast<i32>(top);
    numbers[at + 1] = place;
    numbers[at + 2] = bitcast<i32>(mass);
  }
  ${
      draws
        ? `
  var best = -3e38;
  place = u.vocabulary;
  let seed = u32(seeds[row]);
  ${
          each((i) =>
            `if (begin + ${i * samplingLanes} < u.vocabulary) {
    let score = z${i} + gumbel(seed, u32(begin + ${i * samplingLanes}));
    if (score > best) { best = score; place = begin + ${i * samplingLanes}; }
  }`
          )
        }
  place = largest(best, place, lane);
  if (lane == 0) {
    numbers[group * ${chunkNumbers} + 3] = bitcast<i32>(highest);
    numbers[group * ${chunkNumbers} + 4] = place;
  }`
        : ""
    }
  ${
      counted === "nothing" ? "" : `
  let up = level(top);
  atomicStore(&tally[lane], 0u);
  workgroupBarrier();
  ${
        each((i) =>
          `if (begin + ${i * samplingLanes} < u.vocabulary) {
    let own_level = level(z${i});
    let below = up - own_level;
    ${
            counted === "tokens"
              ? "atomicAdd(&tally[clamp(below, 0, 255)], 1u);"
              : `if (below >= 0 && below < 255) { atomicAdd(&tally[below], u32(exp(z${i} - 0.25 * f32(own_level + 1)) * ${massUnits}.0)); }`
          }
  }`
        )
      }
  workgroupBarrier();
  levels[index] = f32(atomicLoad(&tally[lane]))${counted === "mass" ? ` * ${1 / massUnits}` : ""};`
    }`,
  });
  return { chunks, numbers, levels };
}
