import { Decoder } from "./decoder.ts";
import type { KeptWeights } from "../weights/read_stored.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { type Checkpoint, readWeights } from "./read_weights.ts";

/** Reads a checkpoint's weights into a decoder, and closes its files. */
export async function readDecoder(
  config: DecoderConfig,
  checkpoint: Checkpoint,
  kept: KeptWeights = "float32",
): Promise<Decoder> {
  try {
    return new Decoder(config, await readWeights(config, checkpoint, kept));
  } finally {
    for (const file of checkpoint.files) file.close();
  }
}
