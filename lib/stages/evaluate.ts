import { parseOptions } from "../options/parse_options.ts";
import type { z } from "zod";
import type { Problem } from "../data/problem.ts";
import type { CausalLM, Completion } from "../models/causal_lm.ts";
import { answersMatch } from "../answers/answers_match.ts";
import { tokensInside } from "../rewards/tag_span.ts";
import { traceStructure } from "../rewards/trace_structure.ts";
import { parseCompletion } from "../text/completion.ts";
import { observer } from "../display/observer.ts";
import { classifyFailure } from "./classify_failure.ts";
import { evaluateSchema } from "./evaluate_schema.ts";
import type { Evaluation, EvaluationItem, Rate } from "./evaluation.ts";
import { evaluationTable } from "./evaluation_table.ts";
import { problemPrompt } from "./problem_prompt.ts";
import { majorityAtK, passAtK, wilson } from "./statistics.ts";

/** Options of {@linkcode evaluate}; see `evaluateSchema` for each default. */
export type EvaluateOptions = z.input<typeof evaluateSchema>;

const trace = traceStructure();

/** exp of the mean log-probability of the tokens within the answer's tags. */
function answerProbability({ pieces, logprobs }: Completion): number | null {
  const inside = tokensInside(pieces, "answer");
  if (inside.length === 0) return null;
  return Math.exp(inside.reduce((sum, index) => sum + logprobs[index], 0) / inside.length);
}

async function judge(problem: Problem, completion: Completion): Promise<EvaluationItem> {
  const parsed = parseCompletion(completion.text), { answer, wellFormed } = parsed;
  const sample = {
    prompt: "",
    completion: completion.text,
    problem,
    step: 0,
    steps: 1,
    phase: problem.difficulty,
  };
  const item: EvaluationItem = {
    problemId: problem.id,
    domain: problem.domain,
    difficulty: problem.difficulty,
    question: problem.question,
    reference: problem.answer,
    completion: completion.text,
    answer,
    correct: answer !== null && answersMatch(answer, problem.answer),
    wellFormed,
    truncated: completion.truncated,
    tokens: completion.tokens.length,
    trace: await trace(sample) ?? 0,
    answerProbability: answerProbability(completion),
  };
  return item.correct ? item : { ...item, failure: classifyFailure(item) ?? "other" };
}

function rates(items: EvaluationItem[], key: (item: EvaluationItem) => string): Record<string, Rate> {
  const groups = Map.groupBy(items, key);
  return Object.fromEntries(
    [...groups].sort().map(([name, group]) => [
      name,
      wilson(group.filter(({ correct }) => correct).length, group.length),
    ]),
  );
}

/**
 * Answers every problem and judges the answers: accuracy (the first `<answer>` matches the reference) and format rate with Wilson
 * intervals, trace score, by domain and difficulty, and why wrong answers are wrong. Every number comes from `items`, which
 * hold the completions.
 *
 * @throws {ConfigError} for an unknown or wrong option; {@linkcode RangeError} when there is no problem
 * @example
 * ```ts
 * const base = await evaluate(model, data.test, { maxTokens: 128 });
 * base.accuracy; // { value, low, high, count, total }
 * ```
 */
export async function evaluate(
  model: CausalLM,
  problems: Problem[],
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const config = parseOptions(evaluateSchema, options, "evaluate"), started = performance.now();
  const chosen = problems.slice(0, config.limit ?? problems.length);
  if (chosen.length === 0) {
    throw new RangeError("evaluating needs at least one problem, got none; is the test set empty?");
  }
  const view = observer().view({
      title: `Evaluating ${chosen.length} problems`,
      total: chosen.length,
      unit: "problem",
    }),
    stop = observer().stop();
  const items: EvaluationItem[] = [];
  try {
    for (let from = 0; from < chosen.length && !stop.pressed; from += config.batchSize) {
      const batch = chosen.slice(from, from + config.batchSize),
        prompts = batch.map((problem) => problemPrompt(model.tokenizer, problem, config).ids);
      const { maxTokens, temperature, topK, topP, minP, samples, seed } = config;
      // the first problem's number goes into the seed, so that the batch size changes no draw of another batch
      const completions = await model.generate(prompts, {
        maxTokens,
        temperature,
        topK,
        topP,
        minP,
        n: samples,
        seed: seed + from,
        signal: stop.signal,
      });
      for (const completion of completions) items.push(await judge(batch[completion.prompt], completion));
      const last = items[items.length - 1], right = items.filter(({ correct }) => correct).length;
      view.update({
        step: Math.min(chosen.length, from + batch.length),
        accuracy: right / items.length,
        formatRate: items.filter(({ wellFormed }) => wellFormed).length / items.length,
      }, { prompt: last.question, completion: last.completion, reference: last.reference });
    }
  } finally {
    stop.release();
    await view.end(stop.pressed ? "interrupted" : "finished");
  }
  if (items.length === 0) {
    throw new RangeError(
      "evaluating was stopped before the first batch was done, so there is nothing to report",
    );
  }
  const mean = (value: (item: EvaluationItem) => number) =>
    items.reduce((sum, item) => sum + value(item), 0) / items.length;
  const failures: Record<string, number> = {};
  for (const { failure } of items) if (failure) failures[failure] = (failures[failure] ?? 0) + 1;
  const samples = [...Map.groupBy(items, ({ problemId }) => problemId).values()];
  const atEach = (value: (group: EvaluationItem[], k: number) => number) =>
    Object.fromEntries(config.passAt.map((k) => [
      k,
      samples.reduce((sum, group) => sum + value(group, k), 0) / samples.length,
    ]));
  return evaluationTable({
    name: config.name ?? "evaluation",
    accuracy: wilson(items.filter(({ correct }) => correct).length, items.length),
    formatRate: wilson(items.filter(({ wellFormed }) => wellFormed).length, items.length),
    trace: mean((item) => item.trace),
    meanTokens: mean((item) => item.tokens),
    truncatedFraction: mean((item) => +item.truncated),
    byDomain: rates(items, ({ domain }) => domain),
    byDifficulty: rates(items, ({ difficulty }) => difficulty),
    failures,
    passAt: atEach((group, k) => passAtK(group.length, group.filter(({ correct }) => correct).length, k)),
    majorityAt: atEach(majorityAtK),
    items,
    seconds: (performance.now() - started) / 1000,
    config,
  });
}
