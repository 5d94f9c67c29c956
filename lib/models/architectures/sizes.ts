import type { ConfigFields } from "../config_fields.ts";

/** Gemma's caps and query scale, which other families have not: to be refused. */
export const noCaps: Record<string, unknown[]> = {
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  query_pre_attn_scalar: [],
};

/** Sizes that every family states alike. */
export interface Sizes {
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  rmsEps: number;
  maxPositions: number;
}

/**
 * Reads the sizes and checks that they fit each other.
 *
 * `headDim` is what the family assumes where `head_dim` is silent; `null` means `hidden_size / num_attention_heads`.
 *
 * @throws {ModelFileError} naming the field that does not fit.
 */
export function readSizes(
  fields: ConfigFields,
  defaults: Omit<Sizes, "headDim" | "kvHeads"> & { headDim: number | null; kvHeads: number | null },
): Sizes {
  const hiddenSize = fields.count("hidden_size", defaults.hiddenSize);
  const heads = fields.count("num_attention_heads", defaults.heads);
  const absentKv = "num_key_value_heads" in fields.json ? null : defaults.kvHeads;
  const kvHeads = fields.count("num_key_value_heads", absentKv ?? heads);
  if (heads % kvHeads !== 0) {
    fields.fail(
      `"num_attention_heads" (${heads}) must be a multiple of "num_key_value_heads" (${kvHeads})`,
    );
  }
  const headDim = fields.count("head_dim", defaults.headDim ?? Math.floor(hiddenSize / heads));
  if (headDim % 2 !== 0) {
    fields.fail(`"head_dim" must be even, for rotary embeddings turn pairs of numbers, not ${headDim}`);
  }
  const layers = fields.count("num_hidden_layers", defaults.layers);
  if (layers > 10_000) fields.fail(`"num_hidden_layers" is ${layers}, more than 10000: the file is damaged`);
  return {
    hiddenSize,
    intermediateSize: fields.count("intermediate_size", defaults.intermediateSize),
    layers,
    heads,
    kvHeads,
    headDim,
    rmsEps: fields.positive("rms_norm_eps", defaults.rmsEps),
    maxPositions: fields.count("max_position_embeddings", defaults.maxPositions),
  };
}

/** Per layer the window, `null` where it sees everything. */
export function windows(
  fields: ConfigFields,
  sliding: boolean[],
  fallback: number | null,
): (number | null)[] {
  if (!sliding.includes(true)) return sliding.map(() => null);
  if (!fields.has("sliding_window") && fallback === null) {
    fields.fail(`"sliding_window" is missing, and some layers are sliding`);
  }
  const window = fields.count("sliding_window", fallback ?? undefined);
  return sliding.map((is) => is ? window : null);
}
