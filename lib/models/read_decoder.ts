import { Decoder } from "./decoder.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { type Checkpoint, type KeepOptions, readWeights } from "./read_weights.ts";

/** Reads a checkpoint's weights into a decoder, and closes its files. */
export async function readDecoder(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  keep: KeepOptions = {},
): Promise<Decoder> {
  try {
    return new Decoder(config, await readWeights(config, checkpoint, keep), keep);
  } finally {
    for (const file of checkpoint.files) file.close();
  }
}
