import * as tf from "@tensorflow/tfjs";
import type { Tensor1D, Tensor2D } from "../backend/tensors.ts";
import { device } from "../kernels/device.ts";
import { differentiable } from "./differentiable.ts";
import { project } from "./projection.ts";

/** What a teacher says at the rows of a student: its own hidden states and vocabulary table. */
export interface TeacherRows {
  /** [rows, the teacher's width] */
  hidden: Tensor2D;
  /** [vocabulary, the teacher's width], no gradient. */
  table: Tensor2D;
  /** Its logits become c·tanh(logit/c) (Gemma 2); 0: none. */
  softcap: number;
}

/** Options of {@linkcode reverseKl}. */
export interface ReverseKlOptions {
  /** Tokens that were drawn, int32 [rows]: what `logprobs` and `hits` are of. */
  targets: Tensor1D;
  /** Both models' logits are divided by this. @default 1 */
  temperature?: number;
  /** The student's logits become c·tanh(logit/c) before that; 0: none. @default 0 */
  softcap?: number;
  /** Whether the student's vocabulary table gets a gradient. @default true */
  tableTrainable?: boolean;
}

/** What {@linkcode reverseKl} gives; the caller disposes of all four. */
export interface ReverseKl {
  /** KL(student ‖ teacher) in nats, differentiable. [rows] */
  divergence: Tensor1D;
  /** The student's log p(target), no gradient. [rows] */
  logprobs: Tensor1D;
  /** Entropy of the student's distribution in nats, no gradient. [rows] */
  entropy: Tensor1D;
  /** 1 where the target is the student's most likely token, no gradient. [rows] */
  hits: Tensor1D;
}

/** Logits of one model that exist at once, 16 MB. */
const blockFloats = 1 << 22;

/** A block of rows: both models' log softmax, what the student's soft-cap left of a logit's slope, and the divergence. */
function blockOf(
  hidden: Tensor2D,
  table: Tensor2D,
  teacher: TeacherRows,
  { temperature, softcap }: { temperature: number; softcap: number },
) {
  const logSoftmax = (x: Tensor2D, table: Tensor2D, cap: number) => {
    const logits = project(x, [{ weight: table, trainable: false }]),
      tanh = cap ? tf.tanh(tf.div(logits, cap)) : null;
    const capped = tanh ? tf.mul(tanh, cap) : logits;
    return { tanh, logp: tf.logSoftmax(tf.div(capped, temperature) as Tensor2D) };
  };
  const { tanh, logp } = logSoftmax(hidden, table, softcap),
    theirs = logSoftmax(teacher.hidden, teacher.table, teacher.softcap).logp;
  const p = tf.exp(logp), difference = tf.sub(logp, theirs);
  return { logp, p, tanh, difference, divergence: tf.sum(tf.mul(p, difference), 1, true) };
}

/** ∂/∂hidden and, where it is trained, ∂/∂table of Σ dLogits·(hidden·tableᵀ). */
function products(dLogits: Tensor2D, hidden: Tensor2D, table: Tensor2D, trainable: boolean) {
  const { kernels } = device();
  if (kernels) {
    const { dx, layers: [{ weight }] } = kernels.projection.backward(dLogits, hidden, [{
      weight: table,
      trainable,
    }]);
    return { dHidden: dx, dTable: weight };
  }
  const dTable = trainable ? tf.matMul(dLogits, hidden, true) as Tensor2D : undefined;
  return { dHidden: tf.matMul(dLogits, table) as Tensor2D, dTable };
}

/**
 * KL(student ‖ teacher) = Σ_v p_S(v)·(log p_S(v) − log p_T(v)) of every row, over whole distributions at one temperature: the reverse KL of GKD
 * (Agarwal et al. 2024, arXiv 2306.13649, section 3.1). The logits of both exist only in blocks of rows, and once more in the backward pass.
 *
 * hidden [rows, width], table [vocabulary, width], differentiable in both.
 */
export function reverseKl(
  hidden: Tensor2D,
  table: Tensor2D,
  teacher: TeacherRows,
  { targets, temperature = 1, softcap = 0, tableTrainable = true }: ReverseKlOptions,
): ReverseKl {
  const [rows] = hidden.shape, [vocabulary] = teacher.table.shape;
  const size = Math.max(8, Math.floor(blockFloats / vocabulary)), numbers = { temperature, softcap };
  const starts = Array.from({ length: Math.ceil(rows / size) }, (_, i) => i * size);
  const part = <T extends tf.Tensor>(all: T, from: number): T =>
    tf.slice(all, [from], [Math.min(size, rows - from)]) as T;
  let entropy!: Tensor1D, logprobs!: Tensor1D, hits!: Tensor1D;
  const divergence = differentiable(tableTrainable ? [hidden, table] : [hidden], () => {
    const blocks = starts.map((from) =>
      tf.tidy(() => {
        const theirs = { ...teacher, hidden: part(teacher.hidden, from) }, drawn = part(targets, from);
        const { logp, p, divergence } = blockOf(part(hidden, from), table, theirs, numbers);
        return tf.stack([
          tf.squeeze(divergence, [1]),
          tf.sum(tf.mul(logp, tf.oneHot(drawn, vocabulary)), 1),
          tf.neg(tf.sum(tf.mul(p, logp), 1)),
          tf.cast(tf.equal(tf.argMax(logp, 1), drawn), "float32"),
        ]) as Tensor2D; // [4, rows of the block]
      })
    );
    const [divergence, ...values] = tf.unstack(tf.concat(blocks, 1)) as Tensor1D[];
    [logprobs, entropy, hits] = values.map((each) => tf.keep(each));
    return {
      value: divergence,
      saved: [hidden, teacher.hidden],
      gradients: (dy, saved) => {
        const [hidden, teacherHidden] = saved as Tensor2D[];
        let dTable: Tensor2D | undefined;
        const dHidden = starts.map((from) => {
          const own = part(hidden, from);
          const [slope] = tf.tidy(() => {
            const theirs = { ...teacher, hidden: part(teacherHidden, from) };
            const { p, tanh, difference, divergence } = blockOf(own, table, theirs, numbers);
            // ∂KL/∂z_v = p_v·(log p_v − log q_v − KL) / T
            const scale = tf.div(tf.reshape(part(dy, from), [-1, 1]), temperature);
            const dLogits = tf.mul(tf.mul(p, tf.sub(difference, divergence)), scale);
            return [tanh ? tf.mul(dLogits, tf.sub(1, tf.square(tanh))) : dLogits] as Tensor2D[];
          });
          const found = products(slope, own, table, tableTrainable);
          dTable = dTable && found.dTable ? tf.add(dTable, found.dTable) : found.dTable;
          return found.dHidden;
        });
        return [tf.concat(dHidden, 0), ...dTable ? [dTable] : []];
      },
    };
  });
  return { divergence, logprobs, entropy, hits };
}
