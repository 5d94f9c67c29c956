import type * as tf from "@tensorflow/tfjs";
import { trainTokenizer } from "../../lib/data/bpe_trainer.ts";
import { frozenRoom } from "../../lib/kernels/frozen_room.ts";
import { halvesRows, quantisedRows } from "../../lib/kernels/stored_form.ts";
import { CausalLM } from "../../lib/models/causal_lm.ts";
import { Decoder } from "../../lib/models/decoder.ts";
import { parameterNames } from "../../lib/models/parameter_names.ts";
import { Random } from "../../lib/random/random.ts";
import { Tokenizer } from "../../lib/text/tokenizer.ts";
import { type Shape, shapeConfig } from "./shapes.ts";

/** How the matrices are kept. */
export type RandomWeights = "float32" | "bfloat16" | "int8" | "q4";

/** Numbers that are made once and used over and over: making billions would take longer than what is timed. */
const pattern = 1 << 20;

/** Matrices of random numbers straight in the form they are kept in, uniform with a standard deviation of 0.02. */
function* randomMatrices(shape: Shape, kept: RandomWeights): Generator<[string, tf.Tensor | Plain]> {
  const random = new Random(0), reach = 0.02 * Math.sqrt(3);
  const floats = Float32Array.from({ length: pattern }, () => (2 * random.next() - 1) * reach);
  const bytes = Uint8Array.from({ length: pattern }, () => random.int(256));
  const upper = Int32Array.from(new Uint32Array(floats.buffer), (bits) => bits >>> 16 | bits & 0xffff0000);
  const config = shapeConfig(shape);
  for (const { name, shape } of parameterNames(config)) {
    if (shape.length === 1) {
      const scale = name.endsWith("norm.weight") && !config.rmsAddOne ? 1 : 0;
      yield [name, { shape, data: new Float32Array(shape[0]).fill(scale) }];
      continue;
    }
    yield [name, matrix(shape as [number, number])];
  }

  function matrix([rows, columns]: [number, number]): tf.Tensor {
    if (kept === "float32") {
      const room = frozenRoom([rows, columns], "float32");
      for (let at = 0; at < rows * columns; at += pattern) {
        room.values.set(floats.subarray(0, rows * columns - at), at);
      }
      return room.tensor();
    }
    const rowsAtOnce = Math.floor(pattern / columns);
    const parts = Array.from({ length: Math.ceil(rows / rowsAtOnce) }, (_, i) => {
      const from = i * rowsAtOnce;
      return { from, count: Math.min(rowsAtOnce, rows - from) };
    });
    if (kept === "bfloat16") {
      const whole = halvesRows([rows, columns], "bfloat16");
      for (const { from, count } of parts) {
        whole.write(upper.subarray(0, count * columns / 2), (row) => from + row);
      }
      return whole.tensor();
    }
    const bits = kept === "int8" ? 8 : 4, form = { bits, group: 32, centre: 2 ** (bits - 1) } as const;
    const whole = quantisedRows({ ...form, shape: [rows, columns], offsets: false });
    const scales = new Float32Array(pattern / 32).fill(reach / 2 ** (bits - 1));
    for (const { from, count } of parts) {
      const codes = bytes.subarray(0, count * columns * bits / 8);
      const part = { ...form, shape: [count, columns] as [number, number], codes, scales, offsets: null };
      whole.write(part, (row) => from + row);
    }
    return whole.tensor();
  }
}
type Plain = { shape: number[]; data: Float32Array };

/** A model of a published shape with random weights, frozen under a LoRA adapter of rank 16. */
export function randomShapedModel(shape: Shape, weights: RandomWeights): CausalLM {
  const config = shapeConfig(shape);
  const decoder = new Decoder(config, randomMatrices(shape, weights), { frozen: true });
  const model = new CausalLM({
    decoder,
    tokenizer: tokenizerOf(config.vocabSize),
    source: `random ${shape}`,
    directory: null,
  });
  model.addLora({ rank: 16 });
  return model;
}

/** As many tokens as the model draws from; all but the first few hundred are words of no text. */
function tokenizerOf(vocabulary: number): Tokenizer {
  const { tokenizer, tokenizerConfig } = trainTokenizer(["w ".repeat(100)], { vocabularySize: 512 });
  const { vocab } = tokenizer.model as { vocab: Record<string, number> };
  for (let id = Object.keys(vocab).length; id < vocabulary; id++) vocab[`word${id}`] = id;
  return new Tokenizer(tokenizer, tokenizerConfig);
}
