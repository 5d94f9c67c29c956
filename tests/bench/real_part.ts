import { lastJsonLine } from "./process.ts";

/** Parts of the work on SmolLM2's shape; the last is GRPO with its weights in 4 bits. */
export const realParts = ["sample", "sft", "grpo", "grpo_q4"] as const;
/** One of them. */
export type RealPart = typeof realParts[number];

/** Options of {@linkcode realPart}. */
export interface RealPartOptions {
  /** Less of everything, to see that it runs. @default false */
  tiny?: boolean;
  /** Further arguments of real.ts. @default none */
  flags?: string[];
}

/** The figures of one part, made in a process of its own, so that its memory is its own. */
export async function realPart(
  part: RealPart,
  { tiny = false, flags = [] }: RealPartOptions = {},
): Promise<Record<string, number>> {
  const [work, weights] = part === "grpo_q4" ? ["grpo", "q4"] : [part, "float32"];
  const { load_s, peak_rss_mb, ...figures }: Record<string, number> = await lastJsonLine(Deno.execPath(), [
    "run",
    "--allow-all",
    new URL("real.ts", import.meta.url).pathname,
    ...["--shape", tiny ? "tiny" : "smollm2", "--weights", weights, "--parts", work],
    ...flags,
  ]);
  switch (part) {
    case "grpo":
      return { load_s, ...figures, peak_rss_mb };
    case "grpo_q4":
      return { grpo_step_q4_s: figures.grpo_step_s, peak_rss_q4_mb: peak_rss_mb };
    default:
      return figures;
  }
}
