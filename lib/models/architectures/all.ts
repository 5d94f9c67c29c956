import type { Architecture } from "./architecture.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3 } from "./gemma3.ts";
import { llama } from "./llama.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";

const known: Architecture[] = [gemma3, gemma2, qwen3, qwen2, llama];

/** Every supported architecture. */
export const architectures: readonly Architecture[] = known;

/**
 * Makes one more architecture known to `loadModel` and `save`: an object that says how its `config.json` becomes a `DecoderConfig` and
 * back. It takes one file, in a project of your own or beside those here (then listed above); `llama.ts` is the shortest to start from.
 *
 * @throws {RangeError} when the name is taken
 * @example
 * ```ts
 * import { registerArchitecture } from "./all.ts";
 * import { llama } from "./llama.ts";
 * // A Llama under another name.
 * registerArchitecture({ ...llama, name: "my_llama", transformersClass: "LlamaForCausalLM" });
 * ```
 */
export function registerArchitecture(architecture: Architecture): void {
  if (known.some(({ name }) => name === architecture.name)) {
    throw new RangeError(
      `registering an architecture: the name ${
        JSON.stringify(architecture.name)
      } is taken; names are the "model_type" of config.json, each once`,
    );
  }
  known.push(architecture);
}
