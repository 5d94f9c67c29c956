/**
 * The thread of a sandbox's process on which a reward runs: it may hang or run out of memory here. Messages in: what to
 * run, then samples one at a time; out: `null` when ready or why not, then each sample's score.
 */
import { boundedScore } from "./bounded_score.ts";
import type { RewardFunction, RewardSample } from "./reward.ts";

/** What to run: an expression whose value is the reward, or a module's export. */
export type SandboxProgram = { source: string } | { module: string; export: string };

// stdout carries the scores, and what a reward prints must not get among them.
for (const method of ["debug", "info", "log"] as const) console[method] = console.error;

/** The process's own limit is outside; none is needed here. */
const timeoutMs = 2 ** 31 - 1;

async function load(program: SandboxProgram): Promise<RewardFunction> {
  const value = "source" in program
    ? new Function(`return ${program.source}`)()
    : (await import(program.module))[program.export];
  if (typeof value === "function") return value;
  throw new TypeError(
    `a sandboxed module needs a function as its export ${"export" in program ? program.export : ""}`,
  );
}

const scope = globalThis as unknown as {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
};

scope.onmessage = async ({ data: program }: MessageEvent<SandboxProgram>) => {
  let reward: RewardFunction;
  try {
    reward = await load(program);
  } catch (error) {
    scope.postMessage(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    return;
  }
  scope.onmessage = async ({ data: sample }: MessageEvent<RewardSample>) =>
    scope.postMessage(await boundedScore(reward, sample, { timeoutMs }));
  scope.postMessage(null);
};
