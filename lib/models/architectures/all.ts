import type { Architecture } from "./architecture.ts";
import { gemma2 } from "./gemma2.ts";
import { gemma3 } from "./gemma3.ts";
import { llama } from "./llama.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";

/** Every supported architecture. To add one: a file beside this one, its name in `ArchitectureName`, and its line here. */
export const architectures: readonly Architecture[] = [gemma3, gemma2, qwen3, qwen2, llama];
