import type * as tf from "@tensorflow/tfjs-core";
import type { AttentionPlan } from "./attention_plan.ts";
import type { AttentionTiles } from "./attention_tiles.ts";
import type { Launch } from "./program.ts";

/** What the backward kernels read; `stats` as `attentionStats` makes them. */
export interface AttentionGradientInputs {
  q: tf.Tensor4D;
  k: tf.Tensor4D;
  v: tf.Tensor4D;
  dout: tf.Tensor4D;
  stats: tf.Tensor2D;
}

/**
 * What both gradients' launches have in common, for `tiles` workgroups a sequence and head: a WGSL function, beside what they bind, that
 * gives of a score before it is scaled, and of dout · v, the probability and the score's gradient, zeros where nothing is seen.
 */
export function gradientLaunch(
  of: "query" | "key",
  { q, k, v, dout, stats }: AttentionGradientInputs,
  { plan, tiling, tiles }: { plan: AttentionPlan; tiling: AttentionTiles; tiles: number },
): Omit<Launch, "body" | "writes"> {
  const { lanes } = plan;
  return {
    key: `attention_${of}_gradient/${plan.key}`,
    workgroupSize: tiling.workgroupSize,
    groups: plan.sequences * plan.kvHeads * tiles,
    flop: (of === "query" ? 6 : 8) * plan.sequences * plan.rows * plan.kvHeads * k.shape[1] * plan.headDim,
    reads: {
      q: { tensor: q, lanes },
      k: { tensor: k, lanes },
      v: { tensor: v, lanes },
      dout: { tensor: dout, lanes },
      stats,
      ...plan.places,
    },
    ints: { ...plan.ints, tiles },
    floats: plan.floats,
    declarations: () =>
      `${plan.declarations}
${tiling.declarations}
fn score_gradient(raw: f32, product: f32, normaliser: f32, delta: f32, seen: bool) -> vec2<f32> {
  let score = capped(raw * u.scale);
  let p = select(0.0, exp(score - normaliser), seen);
  return vec2<f32>(p, p * (product - delta) * slope(score) * u.scale);
}`,
  };
}
