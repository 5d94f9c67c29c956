import { launchCount } from "../../lib/kernels/webgpu/program.ts";
import { generate } from "../../lib/generation/generate.ts";
import type { Decoder } from "../../lib/models/decoder.ts";
import { addLora } from "../../lib/models/lora.ts";
import { halved } from "../kernels/webgpu/tiny_decoder.ts";
import type { GpuMeter } from "./gpu_meter.ts";
import { type CardFloors, decodingCost } from "./gpu_parts.ts";
import { stockDecode } from "./stock_decode.ts";

/**
 * Greedy tokens a second at 1, 8 and 32 rows, beside stock tfjs-webgpu's at 32, whose tokens must be the same; at one row in 16 bits
 * the bytes of all its tokens against the copy's bandwidth; in 16 bits with an adapter.
 */
export async function sampling(meter: GpuMeter, decoder: Decoder, { bandwidth }: CardFloors): Promise<void> {
  const { tiny } = meter, most = tiny ? 3 : 32, tokens = tiny ? 4 : 128;
  const prompt = Array.from({ length: tiny ? 5 : 64 }, (_, i) => 3 + i * 7 % 400);
  let ids: number[][] = [], launches = 0;
  const draw = async (sampled: Decoder, n: number) => {
    const before = launchCount();
    const drawn = await generate(sampled, [prompt], { n, maxTokens: tokens, temperature: 0, eosIds: [] });
    launches = launchCount() - before;
    ids = drawn.map(({ tokens }) => tokens);
  };
  const rate = async (kind: string, rows: number, work: () => Promise<void>) => {
    const took = await meter.parts(`sample_s_${kind}_${rows}_rows`, work);
    meter.say({
      name: `sample_tokens_per_s_${kind}_${rows}_rows`,
      unit: "tokens/s",
      value: rows * tokens / took,
    });
    return took;
  };
  for (const rows of [1, 8, most]) await rate("ours", rows, () => draw(decoder, rows));
  const greedy = ids;
  meter.say({ name: "launches a token", unit: "count", value: launches / tokens });
  costs(decoder, "float32");
  await rate("stock", most, async () => {
    ids = await stockDecode(decoder, prompt, { rows: most, tokens });
  });
  const same = greedy.filter((row, i) => row.every((id, t) => id === ids[i][t])).length;
  console.log(`rows with the same greedy tokens: ${same} of ${most}`);
  const half = await halved(decoder);
  const { bytes } = decodingCost(half.describe(512), { rows: 1, keys: prompt.length + tokens / 2 });
  const took = await rate("16_bits", 1, () => draw(half, 1));
  meter.say({
    name: "decode_16_bits_1_row_gb_per_s",
    unit: "GB/s",
    value: bytes * tokens / took / 1e9,
    floor: { of: "copy_gb_per_s", value: bandwidth },
  });
  addLora(half, { rank: 16 });
  costs(half, "LoRA and 16 bits");
  for (const rows of [1, most]) await rate("lora_16_bits", rows, () => draw(half, rows));
  half.dispose();
}

/** Bytes and operations of a token, by count. */
function costs(decoder: Decoder, kind: string): void {
  for (const rows of [1, 8, 32]) {
    const { bytes, flop } = decodingCost(decoder.describe(512), { rows, keys: 512 });
    console.log(
      `a token of ${rows} rows at 512 keys, ${kind}: ${(bytes / 1e6).toFixed(2)} MB, ${
        (flop / 1e6).toFixed(2)
      } MFLOP`,
    );
  }
}
