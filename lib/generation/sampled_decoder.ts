import type { Tensor3D } from "../backend/tensors.ts";
import type { DecoderDescription } from "../kernels/decoder_description.ts";

/** What sampling needs of a decoder. */
export interface SampledDecoder {
  /** What bounds its tokens and positions, and what ends a completion. */
  readonly config: {
    readonly vocabSize: number;
    readonly maxPositions: number;
    readonly eosIds: readonly number[];
  };
  /** Its parts, for sequences of at most `positions` tokens. */
  describe(positions: number): DecoderDescription;
  /** Logits [sequences, longest, vocabulary]; rows past a sequence's end are zero. */
  logits(sequences: readonly (readonly number[])[]): Tensor3D;
}
