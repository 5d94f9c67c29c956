import type * as tf from "@tensorflow/tfjs";
import type { DecoderDescription } from "../kernels/decoder_description.ts";

/** What sampling needs of a decoder. */
export interface SampledDecoder {
  readonly config: {
    readonly vocabSize: number;
    readonly maxPositions: number;
    readonly eosIds: readonly number[];
  };
  /** Its parts, for sequences of at most `positions` tokens. */
  describe(positions: number): DecoderDescription;
  /** Logits [sequences, longest, vocabulary]; rows past a sequence's end are zero. */
  logits(sequences: readonly (readonly number[])[]): tf.Tensor3D;
}
