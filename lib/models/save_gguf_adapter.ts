import type { GgufEntry, GgufTensorToWrite } from "../weights/write_gguf.ts";
import { writeGguf } from "../weights/write_gguf.ts";
import { ggufArchitectureOf } from "./gguf_config.ts";
import { generalEntries } from "./gguf_entries.ts";
import { ggufName } from "./gguf_parameters.ts";
import { loraOf } from "./lora.ts";
import { stored } from "./save_gguf.ts";
import type { SavedModel } from "./saved_model.ts";

/**
 * Saves an adapter as llama.cpp reads it beside a GGUF of its base: a pair of float32 matrices a layer. llama.cpp scales every pair by
 * alpha/rank; what an adapter scales otherwise (rank-stabilised, patterns) goes into B.
 *
 * @throws {RangeError} when the model's architecture is none that GGUF files have
 */
export async function saveGgufAdapter(
  path: string,
  model: SavedModel,
  { name }: { name: string },
): Promise<void> {
  const { config, decoder } = model,
    { gguf } = ggufArchitectureOf(config, path),
    lora = model.adapterOptions(name)!;
  const metadata: Record<string, GgufEntry> = {
    ...await generalEntries(model, { architecture: gguf.name, type: "adapter", path }),
    "adapter.type": { type: "string", value: "lora" },
    "adapter.lora.alpha": { type: "float32", value: lora.alpha },
  };
  const tensors = [...decoder.loraPairs(name)].flatMap(([module, { a, b }]): GgufTensorToWrite[] => {
    const stem = ggufName(`${module}.weight`, config), { rank, scale } = loraOf(module, lora);
    const more = scale * rank / lora.alpha;
    const scaled = async () => (await b.data() as Float32Array).map((value) => value * more);
    return [
      {
        name: `${stem}.lora_a`,
        shape: a.shape,
        dtype: "F32",
        fetch: async () => await a.data() as Float32Array,
      },
      {
        name: `${stem}.lora_b`,
        shape: b.shape,
        dtype: "F32",
        fetch: async () =>
          stored(await scaled(), {
            name: `${module}.weight`,
            shape: b.shape,
            config,
            rotaryPairs: gguf.rotaryPairs,
          }),
      },
    ];
  });
  await writeGguf(path, { metadata, tensors });
}
