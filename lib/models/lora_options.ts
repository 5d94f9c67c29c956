// Generated from the schema by `deno task options`: change it there.

/** Options of a low-rank adapter (Hu et al. 2021, arXiv 2106.09685). */
export interface LoraOptions {
  /** Name to switch to it by. PEFT: adapter_name. @default default */
  name?: string;
  /** Rank of the update, r. PEFT: r. @default 16 */
  rank?: number;
  /** The update is scaled by alpha / rank. PEFT: lora_alpha. @default 2·rank */
  alpha?: number;
  /** Share of the adapter's inputs set to 0 in training. PEFT: lora_dropout. @default 0 */
  dropout?: number;
  /**
   * Linear layers: all, a list of ends of names such as q_proj, or a regular expression that whole names
   * match. PEFT: target_modules.
   * @default all
   */
  targets?: string | string[];
  /** Layers left out, in the same spellings. PEFT: exclude_modules. @default none */
  exclude?: string | string[] | null;
  /** Scale by alpha / √rank (Kalajdzievski 2023). PEFT: use_rslora. @default false */
  rankStabilized?: boolean;
  /** Ranks of layers whose name, or its end, matches a key. PEFT: rank_pattern. @default none */
  rankPattern?: Record<string, number>;
  /** The same for alpha. PEFT: alpha_pattern. @default none */
  alphaPattern?: Record<string, number>;
  /** Seed of A. @default 1 */
  seed?: number;
}
