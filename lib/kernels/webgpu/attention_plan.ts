import type * as tf from "@tensorflow/tfjs-core";
import type { OpenNumber } from "./recording.ts";
import { tanhOf } from "./tanh.ts";

/** An attention layer's numbers. */
export interface AttentionNumbers {
  /** Scores are multiplied by this. */
  scale: number;
  /** A query sees the last `window` keys, itself included; 0: all. @default 0 */
  window?: number;
  /** Scores become c·tanh(score/c); 0: none. @default 0 */
  softcap?: number;
  /** Position of the first query among the keys. @default 0 */
  queryOffset?: number | OpenNumber;
  /** Sequences that follow each other in a batch of one, instead of a batch of one length. */
  packed?: PackedSequences;
}

/** Sequences without padding, those that continue a prompt directly behind it. */
export interface PackedSequences {
  /**
   * Of each sequence the first row, the rows, the first row of the sequence that it continues, the rows of that (0: none), and the
   * end of the run of sequences that continue it (itself + 1: none). int32 [sequences, 5]
   */
  spans: tf.Tensor2D;
  /** Rows of the longest sequence at most. */
  longest: number;
}

/** What the attention kernels share: sizes, uniforms, and WGSL that finds rows and hides keys. */
export interface AttentionPlan {
  sequences: number;
  /** Query rows of a key head: tokens times the query heads that share it; of the longest sequence. */
  rows: number;
  headDim: number;
  kvHeads: number;
  /** Whether sequences lie behind each other. */
  packed: boolean;
  /** What a pipeline's key needs of it. */
  key: string;
  /** Where sequences lie, or start, when that is not told by the shapes. */
  places: Record<string, tf.Tensor>;
  ints: Record<string, number | OpenNumber>;
  floats: Record<string, number>;
  declarations: string;
  /** What a workgroup of `tile` query rows begins with: `kv`, `first` row, and the keys from `start` to `end`. */
  rowTile(tile: number): string;
  /** WGSL of the end of the run of sequences that see the keys of sequence `b`. */
  seers: string;
  /** Floats that are bound as one. */
  lanes: 1 | 4;
  /** WGSL type of those. */
  type: string;
}

/** @throws {RangeError} when keys do not fit the queries */
export function attentionPlan(
  q: tf.Tensor4D,
  k: tf.Tensor4D,
  starts: tf.Tensor1D | null,
  { scale, window = 0, softcap = 0, queryOffset = 0, packed }: AttentionNumbers,
): AttentionPlan {
  const [batch, length, heads, headDim] = q.shape, [, keys, kvHeads] = k.shape;
  if (heads % kvHeads || k.shape[0] !== batch || k.shape[3] !== headDim) {
    throw new RangeError(
      `attention needs keys [${batch}, keys, a divisor of ${heads}, ${headDim}] for queries [${q.shape}], got [${k.shape}]`,
    );
  }
  const share = heads / kvHeads, lanes = headDim % 4 === 0 ? 4 : 1;
  return {
    sequences: packed ? packed.spans.shape[0] : batch,
    rows: (packed?.longest ?? length) * share,
    headDim,
    kvHeads,
    packed: packed !== undefined,
    key: `${headDim}/${[softcap > 0, window > 0, starts !== null, packed !== undefined]}`,
    places: packed ? { spans: packed.spans } : starts ? { starts } : {},
    ints: { length, heads, keys, kvHeads, share, window, offset: queryOffset, parts: 1 },
    floats: { scale, softcap },
    declarations: `
${tanhOf}
/** A sequence: its rows among the queries and among the keys, the keys it sees, those of them that stand before its own. */
struct Span { queries: i32, rows: i32, keys: i32, seen: i32, prefix: i32, before: i32, offset: i32, start: i32 }
var<private> span: Span;
fn span_of(b: i32) -> Span {
  ${
      packed
        ? `let at = 5 * b;
  let before = spans[at + 3];
  return Span(spans[at], spans[at + 1] * u.share, spans[at], before + spans[at + 1], spans[at + 2], before, before, 0);`
        : `return Span(b * u.length, u.length * u.share, b * u.keys, u.keys, 0, 0, u.offset, ${
          starts ? "starts[b]" : "0"
        });`
    }
}
fn capped(raw: f32) -> f32 { return ${softcap > 0 ? "u.softcap * tanh_of(raw / u.softcap)" : "raw"}; }
fn slope(score: f32) -> f32 { ${
      softcap > 0 ? "let t = score / u.softcap; return 1.0 - t * t;" : "return 1.0;"
    } }
fn sees(position: i32, key: i32) -> bool { return key <= position${
      window > 0 ? " && key > position - u.window" : ""
    }; }
fn row_position(row: i32) -> i32 { return span.offset + row / u.share; }
fn row_index(kv: i32, row: i32) -> i32 { return (span.queries + row / u.share) * u.heads + kv * u.share + row % u.share; }
fn key_index(kv: i32, key: i32) -> i32 {
  return select(span.keys + key - span.before, span.prefix + key, key < span.before) * u.kvHeads + kv;
}`,
    rowTile: (tile) => `
  let place = group / u.parts;
  let kv = (place / u.tiles) % u.kvHeads;
  span = span_of(place / u.tiles / u.kvHeads);
  let first = (place % u.tiles) * ${tile};
  let last = min(first + ${tile}, span.rows) - 1;
  var start = max(span.start, ${window > 0 ? "row_position(first) - u.window + 1" : "0"});
  var end = select(start, min(span.seen, row_position(last) + 1), first < span.rows);`,
    seers: packed ? "spans[5 * b + 4]" : "b + 1",
    lanes,
    type: lanes === 4 ? "vec4<f32>" : "f32",
  };
}
