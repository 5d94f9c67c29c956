import { statfs } from "node:fs/promises";
import type { NoteLevel } from "../display/observer.ts";
import { formatNumber } from "../display/format_number.ts";
import { device } from "../kernels/device.ts";
import type { Decoder } from "../models/decoder.ts";
import { PassBudget } from "../training/pass_budget.ts";
import type { GrpoConfig } from "./grpo_schema.ts";
import type { ProblemPrompt } from "./problem_prompt.ts";

/** One thing that was looked at before a run. */
export interface PreflightFinding {
  /** What was looked at, in a word or two. */
  what: string;
  /** How much it matters. */
  level: "ok" | "warning" | "problem";
  /** What was seen, with its numbers. */
  found: string;
  /** What to do; absent where all is well. */
  remedy?: string;
}

/** A finding; the remedy is left out where all is well. */
export function finding(
  what: string,
  found: string,
  bad: false | "warning" | "problem",
  remedy: string,
): PreflightFinding {
  return { what, level: bad || "ok", found, ...(bad ? { remedy } : {}) };
}

/** Bytes of a checkpoint: weights, AdamW's two moments and the reference. */
export function checkpointBytes(decoder: Decoder, { beta }: Pick<GrpoConfig, "beta">): number {
  const trained = decoder.parameters().reduce((sum, { variable }) => sum + variable.size, 0);
  return 4 * trained * (beta === 0 ? 3 : 4);
}

/**
 * What can be found out about a run without sampling or training anything: whether the template lets the system prompt through, whether
 * one sequence as long as they may get fits into memory, and whether the disk holds its checkpoints.
 *
 * @example
 * ```ts
 * import { grpoSchema, loadDataset, loadModel, problemPrompt } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma"), data = await loadDataset({ train: [{ source: "generator", count: 40 }] });
 * const prompts = data.train.map((problem) => problemPrompt(model.tokenizer, problem));
 * const [template, sequence, disk] = await findingsAhead(model.decoder, prompts, grpoSchema.parse({}));
 * ```
 */
export async function findingsAhead(
  decoder: Decoder,
  prompts: readonly ProblemPrompt[],
  config: GrpoConfig,
): Promise<PreflightFinding[]> {
  const { systemPrompt, maxTokens, checkpointing, keepCheckpoints, checkpoints } = config;
  const lost = systemPrompt && !prompts[0].text.includes(systemPrompt.trim());
  const longest = prompts.reduce((a, b) => b.ids.length > a.ids.length ? b : a).ids,
    budget = new PassBudget(decoder, { checkpointing });
  budget.cut([{ prompt: longest, completion: Array(maxTokens).fill(0) }]);
  const [memory] = budget.takeNotes();
  // the newest ones and the best
  const needed = checkpointBytes(decoder, config) * ((keepCheckpoints ?? 2) + 1),
    free = await freeBytes(checkpoints ?? ".");
  return [
    finding(
      "chat template",
      lost
        ? "the system prompt is not in the text that the model sees"
        : "question and system prompt reach the model",
      lost ? "problem" : false,
      "Put it into the question, or take a model whose template knows system prompts",
    ),
    finding(
      "one sequence",
      memory ??
        `${longest.length} tokens of prompt and ${maxTokens} of completion fit into ${
          Number.isFinite(device().memoryLeft) ? `${megabytes(device().memoryLeft)} of free` : "the device's"
        } memory`,
      memory !== undefined && "warning",
      "It learns the same, more slowly: a lower maxTokens is faster",
    ),
    finding(
      "disk",
      `${megabytes(needed)} for checkpoints${free === null ? "" : ` of ${megabytes(free)} free`}`,
      free !== null && needed > free && "problem",
      "Free the disk, name another folder in checkpoints, or lower keepCheckpoints",
    ),
  ];
}

/** The worst of {@linkcode findingsAhead} as a note before the first step, a problem before a warning; `null` where all is well. */
export async function worstAhead(
  ...run: Parameters<typeof findingsAhead>
): Promise<{ text: string; level: NoteLevel } | null> {
  const findings = await findingsAhead(...run);
  for (const level of ["problem", "warning"] as const) {
    const worst = findings.find((one) => one.level === level);
    if (worst) {
      return { text: `Before the first step: ${worst.what}: ${worst.found}. ${worst.remedy}`, level };
    }
  }
  return null;
}

async function freeBytes(folder: string): Promise<number | null> {
  for (const path of [folder, "."]) {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch {
      // the folder is made when it is needed
    }
  }
  return null;
}

const megabytes = (bytes: number) => `${formatNumber(bytes / 1e6)} MB`;
