import type * as tf from "@tensorflow/tfjs-core";
import { type AttentionGradientInputs, gradientLaunch } from "./attention_gradient.ts";
import type { AttentionPlan } from "./attention_plan.ts";
import { attentionTiles, queryRows, type TileRows } from "./attention_tiles.ts";
import { launch, output } from "./program.ts";
import { letters } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/**
 * dk and dv: a workgroup takes some keys of one key head and walks the query rows that see them, of all sequences that continue its own,
 * in order. Half as many keys at once where heads are wide, since both sums stay in registers. One launch; the caller disposes of both.
 */
export function attentionKeyGradient(
  inputs: AttentionGradientInputs,
  plan: AttentionPlan,
  { window = 0, packed }: { window?: number; packed?: { longest: number } },
): { dk: tf.Tensor4D; dv: tf.Tensor4D } {
  const { k } = inputs, { lanes } = plan, own = plan.headDim > 128 ? 32 : 64;
  const tiling = attentionTiles(plan, own), { columns, other } = tiling;
  const dk = output<tf.Tensor4D>(k.shape), dv = output<tf.Tensor4D>(k.shape);
  const tiles = Math.ceil((packed?.longest ?? k.shape[1]) / own);
  const ownKeys = (name: string): TileRows => ({
    name,
    row: (i) => `select(-1, (home.keys + ${i}) * u.kvHeads + kv, ${i} < keys)`,
  });
  launch({
    ...gradientLaunch("key", inputs, { plan, tiling, tiles }),
    writes: { dk: { tensor: dk, lanes }, dv: { tensor: dv, lanes } },
    body: () => `
  let kv = (group / u.tiles) % u.kvHeads;
  let b = group / u.tiles / u.kvHeads;
  let first = (group % u.tiles) * ${own};
  let home = span_of(b);
  let keys = home.seen - home.before;
  let position = home.before + first;
  let seers = select(b, ${plan.seers}, first < keys);
  ${tiling.place}
  ${tiling.sums("dkey")}
  ${tiling.sums("dvalue")}
  for (var seer = b; seer < seers; seer++) {
    span = span_of(seer);
    let begin = max(0, position - span.offset) * u.share;
    let finish = ${
      window > 0
        ? `min(span.rows, max(0, position + min(${own}, keys - first) - 1 + u.window - span.offset) * u.share)`
        : "span.rows"
    };
    for (var block = begin; block < finish; block += 64) {
      ${tiling.products("s", ownKeys("k"), queryRows("q"))}
      ${tiling.products("g", ownKeys("v"), queryRows("dout"))}
      ${
      unrolled(columns, (j) => `
      var p${j} = vec4<f32>(0.0);
      if (${other(j)} < finish) {
        let at = 2 * row_index(kv, ${other(j)});
        let place = row_position(${other(j)});
        ${
        unrolled(4, (i) =>
          `{
          let key = first + y * 4 + ${i};
          let both = score_gradient(s${j}.${letters[i]}, g${j}.${letters[i]}, stats[at], stats[at + 1],
            key < keys && key >= span.start && sees(place, position + y * 4 + ${i}));
          p${j}.${letters[i]} = both.x;
          s${j}.${letters[i]} = both.y;
        }`)
      }
      } else { s${j} = vec4<f32>(0.0); }`)
    }
      ${tiling.addWeighted("dkey", "s", queryRows("q"))}
      ${tiling.addWeighted("dvalue", "p", queryRows("dout"))}
    }
  }
  ${tiling.store("dkey", ownKeys("dk"))}
  ${tiling.store("dvalue", ownKeys("dv"))}`,
  });
  return { dk, dv };
}
