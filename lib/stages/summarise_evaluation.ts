import type { ResponseFormat } from "../formats/response_format.ts";
import type { AtK, DistractorEffect, Evaluation, EvaluationItem, Rate } from "./evaluation.ts";
import { problemRate, shareInterval } from "./problem_rate.ts";
import { calibration, majorityAtK, pairedBootstrap, passAtK } from "./statistics.ts";

type Verdict = (item: EvaluationItem) => boolean;

/** The share of a kind of items, with its interval over the problems that they answer. */
function rate(groups: EvaluationItem[][], verdict: Verdict): Rate {
  return problemRate(groups.map((group) => group.map(verdict)));
}

function rates(groups: EvaluationItem[][], key: (item: EvaluationItem) => string): Record<string, Rate> {
  const named = Map.groupBy(groups, ([first]) => key(first));
  return Object.fromEntries(
    [...named].sort().map(([name, own]) => [name, rate(own, ({ correct }) => correct)]),
  );
}

/** What `addDistractors` puts behind the id of a problem that it changes. */
const distracted = /\+distractor(?:\/[\w-]+)?$/;

function distractorEffect(groups: EvaluationItem[][]): DistractorEffect | null {
  const byId = new Map(groups.map((group) => [group[0].problemId, group]));
  const pairs = groups.flatMap((group) => {
    const id = group[0].problemId,
      plain = distracted.test(id) ? byId.get(id.replace(distracted, "")) : undefined;
    return plain ? [{ plain, group }] : [];
  });
  if (pairs.length === 0) return null;
  const share = (group: EvaluationItem[]) => group.filter(({ correct }) => correct).length / group.length;
  return {
    plain: rate(pairs.map(({ plain }) => plain), ({ correct }) => correct),
    distracted: rate(pairs.map(({ group }) => group), ({ correct }) => correct),
    difference: pairedBootstrap(
      pairs.map(({ plain }) => share(plain)),
      pairs.map(({ group }) => share(group)),
    ),
    problems: pairs.length,
  };
}

/** Everything that an evaluation says, from its items alone. */
export function summariseEvaluation(
  items: EvaluationItem[],
  { ks, format }: { ks: number[]; format: Pick<ResponseFormat, "value"> },
): Pick<
  Evaluation,
  | "accuracy"
  | "accuracyAnywhere"
  | "formatRate"
  | "trace"
  | "meanTokens"
  | "truncatedFraction"
  | "byDomain"
  | "byDifficulty"
  | "failures"
  | "passAt"
  | "majorityAt"
  | "atK"
  | "ece"
  | "distractors"
> {
  const groups = [...Map.groupBy(items, ({ problemId }) => problemId).values()];
  const mean = (value: (item: EvaluationItem) => number) =>
    items.reduce((sum, item) => sum + value(item), 0) / items.length;
  const failures: Record<string, number> = {};
  for (const { failure } of items) if (failure) failures[failure] = (failures[failure] ?? 0) + 1;
  const key = format.value && ((answer: string) => format.value!(answer));
  const atK = [...new Set(ks)].sort((a, b) => a - b).map((k): AtK => ({
    k,
    pass: shareInterval(
      groups.map((group) => passAtK(group.length, group.filter(({ correct }) => correct).length, k)),
    ),
    majority: shareInterval(groups.map((group) => majorityAtK(group, k, { key }))),
  }));
  const { ece } = calibration(items);
  return {
    accuracy: rate(groups, ({ correct }) => correct),
    accuracyAnywhere: rate(groups, ({ correctAnywhere }) => correctAnywhere),
    formatRate: rate(groups, ({ wellFormed }) => wellFormed),
    trace: mean((item) => item.trace),
    meanTokens: mean((item) => item.tokens),
    truncatedFraction: mean((item) => +item.truncated),
    byDomain: rates(groups, ({ domain }) => domain),
    byDifficulty: rates(groups, ({ difficulty }) => difficulty),
    failures,
    passAt: Object.fromEntries(atK.map(({ k, pass }) => [k, pass.value])),
    majorityAt: Object.fromEntries(atK.map(({ k, majority }) => [k, majority.value])),
    atK,
    ece: Number.isNaN(ece) ? null : ece,
    distractors: distractorEffect(groups),
  };
}
