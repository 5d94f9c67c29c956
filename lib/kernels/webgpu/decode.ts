/**
 * Decoding on WebGPU with everything on the device: one prefill a prompt shared by its completions, keys and values
 * written in place, the drawn token fed back without a read. The host looks every few tokens, in one read-back of at
 * least 10 ms whatever its size, and drops finished rows from the batch.
 *
 * Prompts of different length are padded on the left, so that all rows stand at the same place of their caches; padding
 * is masked, and positions are counted from each prompt's start. Launches a token and layer: 9 up to eight rows, 12 where
 * products split inner, one more from 256 keys on where attention splits them; where all linear layers are adapted four more up to eight
 * rows, beyond them eight, or twelve where inner is split.
 *
 * What a batch takes is taken under an out-of-memory scope before its first token: it is refused whole where it does not fit, and rows
 * that go on are packed only where their copy fits beside.
 */
import * as tf from "@tensorflow/tfjs-core";
import { GpuMemoryError, withinGpuMemory } from "../../backend/webgpu_memory.ts";
import type { DecoderDescription, LayerDescription, Linear } from "../decoder_description.ts";
import type { DecodedTokens, DecodeNumbers } from "../kernels.ts";
import { attentionForward } from "./attention_forward.ts";
import { copyCacheRows } from "./copy_cache_rows.ts";
import { copyNumbers } from "./copy_numbers.ts";
import { embeddingForward } from "./embedding_forward.ts";
import { gatedActivationForward } from "./gated_activation_forward.ts";
import { gatherInts } from "./gather_ints.ts";
import { headsForward } from "./heads_forward.ts";
import type { HeadsNumbers, KeyValueCache } from "./heads_plan.ts";
import { multiply } from "./multiply.ts";
import { bindableRows, rowsOf } from "./binding.ts";
import { launchAgain, output } from "./program.ts";
import { projectionForward } from "./projection_forward.ts";
import { OpenNumber, type Recorded, recordLaunches } from "./recording.ts";
import { recordTokens } from "./record_tokens.ts";
import { residualNormsForward } from "./residual_norms.ts";
import { rmsNormForward } from "./rms_norm_forward.ts";
import { sampleInto } from "./sample_tokens.ts";

/** Below this share of unfinished rows the batch is packed anew: copying the caches costs about a token. */
const packBelow = 0.75;

/** Tokens that were recorded together, and are on their way to the host. */
interface Block {
  /** The completion of each row. */
  rows: number[];
  /** Tokens a row. */
  count: number;
  /** Tokens, then the bits of their log-probabilities: one read-back. */
  history: tf.Tensor;
  words: Promise<Int32Array>;
}

/** A layer whose q, k and v are all adapted has their A joined, [Σ rank, width]: with the weights they pass 8 buffers otherwise. */
type DecodedLayer = LayerDescription & { joined?: tf.Tensor2D };
type DecodedModel = Omit<DecoderDescription, "layers"> & { layers: DecodedLayer[] };

/**
 * Draws `n` completions of each prompt. Leaves no tensor behind. While a look's tokens travel to the host, those of the next are
 * computed: the card does not wait, and rows that ended go on for one look more, unseen.
 *
 * @throws {GpuMemoryError} before the first token where the prompts and their completions do not fit at once
 */
export async function decode(
  description: DecoderDescription,
  prompts: readonly (readonly number[])[],
  numbers: DecodeNumbers,
): Promise<DecodedTokens[]> {
  const { n, maxTokens, eosIds, lookEvery, stop, onProgress, signal } = numbers;
  const longest = Math.max(...prompts.map((prompt) => prompt.length)), capacity = longest + maxTokens;
  const results: DecodedTokens[] = prompts.flatMap(() =>
    Array.from({ length: n }, () => ({ tokens: [], logprobs: [] }))
  );
  const finished = new Uint8Array(results.length);
  const counter = new OpenNumber(0), position = new OpenNumber(longest);
  let model!: DecodedModel, rows = results.map((_, row) => row);
  /** Makes a batch and its first token, if another follows it, where memory has room for both. */
  const begin = async (made: number, make: () => Batch): Promise<Underway> => {
    const held: { batch?: Batch; token?: RecordedToken } = {};
    await withinGpuMemory(() => {
      held.batch = tf.tidy(make);
      [counter.value, position.value] = [made, longest + made];
      if (made + 1 < maxTokens) held.token = recordToken(model, held.batch, numbers, { counter, position });
      return Promise.resolve();
    }, () => {
      held.token?.dispose();
      if (held.batch) release(held.batch);
    });
    return { batch: held.batch!, token: held.token ?? null, made: true };
  };
  let underway: Underway | undefined;
  const record = ({ batch, token, made: first }: Underway, made: number): Block => {
    const count = Math.min(lookEvery, maxTokens - made), history = output([2 * rows.length * count], "int32");
    for (let step = 0; step < count; step++) {
      counter.value = made + step;
      position.value = longest + counter.value;
      if (made + step + 1 === maxTokens) {
        tf.tidy(() => recordTokens(history, draw(model, batch, numbers, counter), { step, count }));
        continue;
      }
      if (step > 0 || !first) launchAgain(token!);
      recordTokens(history, token!, { step, count });
    }
    return { rows, count, history, words: history.data() as Promise<Int32Array> };
  };
  const look = async ({ rows, count, words }: Block) => {
    const ints = await words, reals = new Float32Array(ints.buffer, ints.byteOffset, ints.length);
    for (const [place, row] of rows.entries()) {
      if (finished[row]) continue;
      const { tokens, logprobs } = results[row];
      for (let i = 0; i < count && !finished[row]; i++) {
        tokens.push(ints[place * count + i]);
        logprobs.push(reals[(rows.length + place) * count + i]);
        if (eosIds.includes(tokens[tokens.length - 1])) finished[row] = 1;
      }
      if (stop?.(tokens, logprobs, row)) finished[row] = 1;
    }
    onProgress?.(results.reduce((sum, { tokens }) => sum + tokens.length, 0));
  };
  const pending: Block[] = [];
  try {
    underway = await begin(0, () => {
      model = withJoinedAdapters(description);
      return prefill(model, prompts, capacity, numbers);
    });
    for (let made = 0; made < maxTokens || pending.length > 0; made += lookEvery) {
      if (made < maxTokens) {
        pending.push(record(underway, made));
        underway.made = false;
      }
      if (pending.length < 2 && made + lookEvery < maxTokens) continue;
      const block = pending[0];
      await look(block);
      pending.shift()!.history.dispose();
      const left = [...rows.keys()].filter((place) => !finished[rows[place]]);
      if (left.length === 0 || signal?.aborted) break;
      const next = made + lookEvery;
      if (left.length <= packBelow * rows.length && next < maxTokens) {
        const whole = underway;
        try {
          underway = await begin(next, () => chosen(whole.batch, left, capacity, longest + next));
        } catch (error) {
          if (!(error instanceof GpuMemoryError)) throw error;
          continue;
        }
        whole.token?.dispose();
        release(whole.batch);
        rows = left.map((place) => rows[place]);
      }
    }
    return results;
  } finally {
    // what is still on its way is read to its end, so that its buffer can go
    await Promise.allSettled(pending.map(({ words }) => words));
    tf.dispose(pending.map(({ history }) => history));
    underway?.token?.dispose();
    if (underway) release(underway.batch);
    tf.dispose(model?.layers.flatMap(({ joined }) => joined ?? []));
  }
}

function withJoinedAdapters(model: DecoderDescription): DecodedModel {
  const layers = model.layers.map((layer): DecodedLayer => {
    const adapters = [layer.query, layer.key, layer.value].flatMap(({ lora }) => lora?.a ?? []);
    return adapters.length < 3 ? layer : { ...layer, joined: tf.concat(adapters) };
  });
  for (const { joined } of layers) if (joined) tf.keep(joined);
  return { ...model, layers };
}

/** A batch with the launches of its token, if more than one is drawn of it. */
interface Underway {
  batch: Batch;
  token: RecordedToken | null;
  /** Whether the token was just made as it was recorded: the next block begins with it. */
  made: boolean;
}

/** The rows under way. `hidden` [rows, width], after the final norm, is what the next token is drawn from. A type, so that `tf.tidy` takes it. */
type Batch = {
  hidden: tf.Tensor2D;
  starts: tf.Tensor1D;
  seeds: tf.Tensor1D;
  caches: { keys: tf.Tensor4D; values: tf.Tensor4D }[];
};

/** Runs each prompt once and gives each of its completions a copy of the caches. */
function prefill(
  model: DecodedModel,
  prompts: readonly (readonly number[])[],
  capacity: number,
  { n, seeds }: DecodeNumbers,
): Batch {
  const longest = Math.max(...prompts.map((prompt) => prompt.length)),
    missing = prompts.map((prompt) => longest - prompt.length);
  const ints = (values: number[] | Int32Array) => tf.tensor1d(values, "int32");
  /** One value a completion. */
  const each = (f: (prompt: number) => number) =>
    ints(prompts.flatMap((_, prompt) => Array<number>(n).fill(f(prompt))));
  const padded = ints(prompts.flatMap((prompt, i) => [...Array<number>(missing[i]).fill(0), ...prompt]));
  const caches: KeyValueCache[] = [], x = layers(model, padded, { starts: ints(missing), offset: 0 }, caches);
  const sources = each((prompt) => prompt);
  return {
    hidden: embeddingForward(each((prompt) => (prompt + 1) * longest - 1), x, 1),
    starts: each((prompt) => missing[prompt]),
    seeds: ints(seeds),
    caches: caches.map(({ keys, values }) => ({
      keys: copyCacheRows(keys, sources, { capacity, filled: longest }),
      values: copyCacheRows(values, sources, { capacity, filled: longest }),
    })),
  };
}

function release({ hidden, starts, seeds, caches }: Batch): void {
  tf.dispose([hidden, starts, seeds, ...caches.flatMap(({ keys, values }) => [keys, values])]);
}

/** Some rows of a batch, of which `filled` positions of the caches matter. */
function chosen(
  { hidden, starts, seeds, caches }: Batch,
  places: number[],
  capacity: number,
  filled: number,
): Batch {
  const indices = tf.tensor1d(places, "int32");
  return {
    hidden: embeddingForward(indices, hidden, 1),
    starts: gatherInts(starts, indices),
    seeds: gatherInts(seeds, indices),
    caches: caches.map(({ keys, values }) => ({
      keys: copyCacheRows(keys, indices, { capacity, filled }),
      values: copyCacheRows(values, indices, { capacity, filled }),
    })),
  };
}

/** The launches of a token, from its draw to what the next one is drawn from, and what they draw. */
type RecordedToken = Recorded & Drawn;

/** Makes a token and records its launches, which another run makes the next token by, with the numbers that it is told. */
function recordToken(
  model: DecodedModel,
  batch: Batch,
  numbers: DecodeNumbers,
  { counter, position }: { counter: OpenNumber; position: OpenNumber },
): RecordedToken {
  let drawn!: Drawn;
  const recorded = recordLaunches(() => {
    drawn = draw(model, batch, numbers, counter);
    copyNumbers(layers(model, drawn.ids, { ...batch, offset: position }, batch.caches), batch.hidden);
    tf.keep(drawn.ids);
    tf.keep(drawn.logprob);
  });
  return {
    ...drawn,
    dispatches: recorded.dispatches,
    dispose() {
      recorded.dispose();
      tf.dispose([drawn.ids, drawn.logprob]);
    },
  };
}

/** Tokens int32 [rows] and their log-probabilities [rows]. A type, so that `tf.tidy` takes it. */
type Drawn = { ids: tf.Tensor1D; logprob: tf.Tensor1D };

/** Draws the tokens of `hidden`. */
function draw(
  model: DecodedModel,
  { hidden, seeds }: Batch,
  { temperature, topK, topP, minP }: DecodeNumbers,
  counter: OpenNumber,
): Drawn {
  const [rows, width] = hidden.shape, vocabulary = model.head.shape[0];
  const ids = output<tf.Tensor1D>([rows], "int32"), logprob = output<tf.Tensor1D>([rows]);
  // [rows, vocabulary] logits in one, unless the adapter cannot bind so many
  for (const part of bindableRows(rows, vocabulary)) {
    const logits = output<tf.Tensor2D>([part.count, vocabulary]);
    multiply({
      a: rowsOf(hidden, part, width),
      factors: [{ b: model.head, columns: vocabulary, inner: width }],
      out: logits,
      rows: part.count,
      transposeB: true,
    });
    sampleInto({ ids: rowsOf(ids, part, 1), logprob: rowsOf(logprob, part, 1) }, logits, {
      temperature,
      topK,
      topP,
      minP,
      softcap: model.finalSoftcap,
      seeds: rowsOf(seeds, part, 1),
      counter,
    });
  }
  return { ids, logprob };
}

/** The final norm of all layers for ids [batch·length], keys and values written in the caches, or made where there are none. */
function layers(
  model: DecodedModel,
  ids: tf.Tensor1D,
  { starts, offset }: { starts: tf.Tensor1D; offset: number | OpenNumber },
  caches: KeyValueCache[],
): tf.Tensor2D {
  const { heads, kvHeads, headDim, epsilon, addOne, queryScale, attentionSoftcap } = model,
    empty = caches.length === 0;
  let x = embeddingForward(ids, model.embedding, model.embeddingScale);
  const norm = (w: tf.Tensor1D) => rmsNormForward(x, w, { epsilon, addOne });
  /** x becomes x + linear(y), through the norm behind the layer where there is one; gives its norm for the next layer. */
  const add = (y: tf.Tensor2D, linear: Linear, w: tf.Tensor1D | undefined, next: tf.Tensor1D) => {
    if (!w) {
      x = projectionForward(y, [linear], { onto: x });
      return norm(next);
    }
    const both = residualNormsForward(projectionForward(y, [linear]), {
      w,
      residual: x,
      next,
      epsilon,
      addOne,
    });
    x = both.x;
    return both.normed;
  };
  let normed = norm(model.layers[0].inputNorm);
  for (const [index, layer] of model.layers.entries()) {
    const packed = projectionForward(normed, [layer.query, layer.key, layer.value], { joined: layer.joined });
    const { queryNorm, keyNorm, rotary, window } = layer;
    const numbers: HeadsNumbers = {
      batch: starts.size,
      offset,
      starts,
      heads,
      kvHeads,
      headDim,
      epsilon,
      addOne,
      queryNorm,
      keyNorm,
      rotary,
    };
    const { q, k, v } = headsForward(packed, numbers, empty ? undefined : caches[index]);
    if (empty) caches.push({ keys: k, values: v });
    const { out } = attentionForward(q, k, v, starts, {
      scale: queryScale,
      softcap: attentionSoftcap,
      window,
      queryOffset: offset,
    });
    normed = add(
      tf.reshape(out, [ids.size, heads * headDim]),
      layer.output,
      layer.postAttentionNorm,
      layer.mlpNorm,
    );
    const gated = gatedActivationForward(projectionForward(normed, [layer.gate, layer.up]), model.activation);
    normed = add(gated, layer.down, layer.postMlpNorm, model.layers[index + 1]?.inputNorm ?? model.finalNorm);
  }
  return normed;
}
