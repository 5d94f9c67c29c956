import * as tf from "@tensorflow/tfjs";
import type { Tensor } from "../backend/tensors.ts";
import { device } from "../kernels/device.ts";
import type { Decoder, HiddenOptions } from "../models/decoder.ts";
import { addInto } from "../ops/add_into.ts";
import { differentiable } from "../ops/differentiable.ts";
import { embedding } from "../ops/embedding.ts";
import { type ReverseKl, reverseKl, type TeacherRows } from "../ops/reverse_kl.ts";
import { type TokenLogprobs, tokenLogprobs } from "../ops/token_logprobs.ts";
import type { TokenBatch } from "./token_batch.ts";

/** What the model says of a batch's completion tokens; one number a token, in the batch's order. */
export interface TokenValues {
  /** log p(token), nats. */
  logprobs: Float32Array;
  /** Entropy of the distribution it came from, nats. */
  entropy: Float32Array;
  /** 1 where it was the most likely token. */
  hits: Float32Array;
  /** KL(policy ‖ teacher) of the distribution it came from, nats, where the pass has a teacher. */
  divergence?: Float32Array;
}

/** A loss of log-probabilities, with ∂loss/∂logprob of every token. */
export interface TokenLoss {
  /** The value. */
  loss: number;
  /** ∂loss/∂logprob, one a token; where the pass has a teacher, ∂loss/∂divergence. */
  gradient: Float32Array;
  /** ∂loss/∂entropy of every token, where the pass was asked for it. */
  entropyGradient?: Float32Array;
}

/** Gradients by variable name; the owner disposes of them. */
export type Gradients = Record<string, Tensor>;

/** Options of {@linkcode tokenValues} and {@linkcode backward}. */
export interface ForwardOptions {
  /** Logits are divided by this. @default 1 */
  temperature?: number;
  /** `false` leaves the adapter out; pairs by module name take its place, as a reference policy's do. @default true */
  adapter?: HiddenOptions["adapter"];
  /** Names the pass for the adapter's dropout; `null` drops nothing. @default null */
  dropoutSeed?: number | null;
  /** Compute activations again in the backward pass instead of keeping them. @default false */
  checkpointing?: boolean;
  /** Whether the loss has a gradient with respect to the entropies; not beside a teacher. @default false */
  entropyTrainable?: boolean;
  /** What a teacher says at the batch's rows: the loss is then one of the divergences from it. @default none */
  teacher?: TeacherRows;
}

function forward(
  decoder: Decoder,
  batch: TokenBatch,
  {
    temperature = 1,
    adapter = true,
    dropoutSeed = null,
    checkpointing = false,
    entropyTrainable = false,
    teacher,
  }: ForwardOptions,
): TokenLogprobs & Partial<Pick<ReverseKl, "divergence">> {
  const hidden = rowsOf(decoder, batch, { adapter, dropoutSeed, checkpointing });
  const numbers = {
    temperature,
    softcap: decoder.config.finalSoftcap ?? 0,
    tableTrainable: decoder.trainBase,
  };
  return teacher
    ? reverseKl(hidden, decoder.head, teacher, { targets: batch.targets, ...numbers })
    : tokenLogprobs(hidden, decoder.head, batch.targets, { ...numbers, entropyTrainable });
}

/** Hidden states of the rows that predict completion tokens. [tokens, hidden] */
function rowsOf(decoder: Decoder, batch: TokenBatch, options: HiddenOptions): tf.Tensor2D {
  return embedding(batch.rows, decoder.hidden(batch.layout, options));
}

/** A model's hidden states of a batch as another's teacher; the caller disposes of its `hidden`. */
export function teacherRows(decoder: Decoder, batch: TokenBatch): TeacherRows {
  batch.layout.tensors();
  return {
    hidden: tf.tidy(() => rowsOf(decoder, batch, {})),
    table: decoder.head,
    softcap: decoder.config.finalSoftcap ?? 0,
  };
}

async function read(outputs: ReturnType<typeof forward>): Promise<TokenValues> {
  const reads = Object.entries(outputs).map(async ([name, x]) => [name, await x.data()]);
  // one that fails does not leave the others on their way
  await Promise.allSettled(reads);
  tf.dispose(Object.values(outputs));
  return Object.fromEntries(await Promise.all(reads));
}

/** The values of a batch's completion tokens, without gradients. */
export async function tokenValues(
  decoder: Decoder,
  batch: TokenBatch,
  options: ForwardOptions = {},
): Promise<TokenValues> {
  batch.layout.tensors();
  const outputs = tf.tidy(() =>
    forward(decoder, batch, options) as unknown as tf.TensorContainer
  ) as unknown as ReturnType<typeof forward>;
  return await read(outputs);
}

/**
 * Forward and backward pass: `lossOf` gets the tokens' values and gives the loss and its gradient with respect to the
 * log-probabilities (with a teacher, to the divergences), which flows back into all trainable parameters. On the CPU that is one pass; where reading a
 * tensor is asynchronous (webgpu) the values come from a pass of their own.
 */
export async function backward(
  decoder: Decoder,
  batch: TokenBatch,
  lossOf: (values: TokenValues) => TokenLoss,
  options: ForwardOptions = {},
): Promise<{ loss: number; values: TokenValues; gradients: Gradients }> {
  const variables = decoder.parameters().map(({ variable }) => variable);
  batch.layout.tensors();
  let values: TokenValues | undefined, result: TokenLoss | undefined;
  if (!device().synchronousReads) {
    values = await tokenValues(decoder, batch, { ...options, entropyTrainable: false });
    result = lossOf(values);
  }
  const { value, grads } = givingBack(() =>
    tf.variableGrads(() => {
      const { logprobs, entropy, hits, divergence } = forward(decoder, batch, options);
      const trained = [divergence ?? logprobs, ...options.entropyTrainable ? [entropy] : []];
      const total = () => {
        if (!result) {
          values = {
            ...divergence ? { divergence: divergence.dataSync() as Float32Array } : {},
            logprobs: logprobs.dataSync() as Float32Array,
            entropy: entropy.dataSync() as Float32Array,
            hits: hits.dataSync() as Float32Array,
          };
          result = lossOf(values);
        }
        const { loss, gradient, entropyGradient } = result;
        const gradients = options.entropyTrainable
          ? [gradient, entropyGradient ?? new Float32Array(gradient.length)]
          : [gradient];
        return {
          value: tf.scalar(loss),
          saved: [],
          gradients: (dy: tf.Scalar) => gradients.map((values) => tf.mul(tf.tensor1d(values), dy)),
        };
      };
      try {
        return differentiable(trained, total);
      } finally {
        tf.dispose([hits, ...options.entropyTrainable ? [] : [entropy], ...divergence ? [logprobs] : []]);
      }
    }, variables)
  );
  value.dispose();
  return { loss: result!.loss, values: values!, gradients: grads };
}

/**
 * A pass that fails leaves the clones that its operations had saved for their gradients, on the tape or, of the one that failed, nowhere:
 * they are given back with everything else that was made on the way.
 */
function givingBack<T extends tf.TensorContainer>(pass: () => T): T {
  // private, and the only place where all of them come by
  const engine = tf.engine() as unknown as {
    clone(tensor: Tensor): Tensor;
    state: { activeTape: unknown };
  };
  const saved: Tensor[] = [], clone = engine.clone.bind(engine);
  engine.clone = (tensor) => {
    const copy = clone(tensor);
    saved.push(copy);
    return copy;
  };
  try {
    return tf.tidy(pass);
  } catch (error) {
    for (const copy of saved) if (!copy.isDisposed) copy.dispose();
    engine.state.activeTape = null;
    throw error;
  } finally {
    Reflect.deleteProperty(engine, "clone");
  }
}

/** Adds `more` to `sum`, which takes them over. */
export function addGradients(sum: Gradients | null, more: Gradients): Gradients {
  if (!sum) return more;
  for (const [name, gradient] of Object.entries(more)) {
    sum[name] = addInto(sum[name], gradient);
    gradient.dispose();
  }
  return sum;
}

/** Gives gradients back that no optimizer will take. */
export function disposeGradients(gradients: Gradients | null): void {
  if (gradients) tf.dispose(Object.values(gradients));
}
