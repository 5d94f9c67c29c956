import type * as tf from "@tensorflow/tfjs-core";
import { type AttentionGradientInputs, gradientLaunch } from "./attention_gradient.ts";
import type { AttentionPlan } from "./attention_plan.ts";
import { attentionTiles, keyRows, queryRows } from "./attention_tiles.ts";
import { launch, output } from "./program.ts";
import { letters } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/**
 * dq, like q: workgroups as in the forward pass, probabilities computed again from the saved log-sum-exp. One launch; the caller
 * disposes of it.
 */
export function attentionQueryGradient(inputs: AttentionGradientInputs, plan: AttentionPlan): tf.Tensor4D {
  const own = 64, tiling = attentionTiles(plan, own), { columns, other } = tiling;
  const dq = output<tf.Tensor4D>(inputs.q.shape), tiles = Math.ceil(plan.rows / own);
  launch({
    ...gradientLaunch("query", inputs, { plan, tiling, tiles }),
    writes: { dq: { tensor: dq, lanes: plan.lanes } },
    body: () =>
      `${plan.rowTile(own)}
  ${tiling.place}
  ${tiling.sums("sum")}
  ${unrolled(4, (i) => `let place${i} = row_position(${tiling.own(i)});`)}
  var normaliser = vec4<f32>(0.0);
  var delta = vec4<f32>(0.0);
  ${
        unrolled(4, (i) =>
          `if (${tiling.own(i)} < span.rows) { let at = 2 * row_index(kv, ${tiling.own(i)});
    normaliser.${letters[i]} = stats[at]; delta.${letters[i]} = stats[at + 1]; }`)
      }
  for (var block = start; block < end; block += 64) {
    ${tiling.products("s", queryRows("q"), keyRows("k"))}
    ${tiling.products("g", queryRows("dout"), keyRows("v"))}
    ${
        unrolled(columns, (j) =>
          unrolled(4, (i) => {
            const at = `${j}.${letters[i]}`;
            return `s${at} = score_gradient(s${at}, g${at}, normaliser.${letters[i]}, delta.${letters[i]}, ${
              tiling.own(i)
            } < span.rows && ${other(j)} < end && sees(place${i}, ${other(j)})).y;`;
          }))
      }
    ${tiling.addWeighted("sum", "s", keyRows("k"))}
  }
  ${tiling.store("sum", queryRows("dq"))}`,
  });
  return dq;
}
