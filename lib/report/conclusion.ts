import type { Evaluation } from "../stages/evaluation.ts";
import type { Difference, McNemar } from "../stages/statistics.ts";
import { stageLabel } from "./stage_label.ts";

/** How one stage differs from another on the problems that both answered; shares, so 0.1 is ten points. */
export interface StageDifference {
  /** The stage compared with. */
  from: string;
  /** The stage compared. */
  to: string;
  /** Problems that both evaluations hold. */
  problems: number;
  /** Difference of the shares of right answers. */
  accuracy: Difference;
  /** Difference of the format rates. */
  formatRate: Difference;
  /** `null` when a problem has several samples, so that it is not simply right or wrong. */
  mcnemar: McNemar | null;
}

/** Options without which two evaluations measure different things. */
const telling = [
  "temperature",
  "maxTokens",
  "samples",
  "format",
  "systemPrompt",
  "chatTemplateOptions",
  "topK",
  "topP",
  "minP",
];

const points = (share: number) => `${(Math.abs(share) * 100).toFixed(1)} points`;
const signed = (share: number) => `${share < 0 ? "−" : "+"}${(Math.abs(share) * 100).toFixed(1)}`;

/** What weakens a comparison whatever its numbers say. */
function reservations(
  { from, to, problems }: StageDifference,
  evaluations: Record<string, Evaluation>,
): string[] {
  const pair = [evaluations[from], evaluations[to]],
    said = (value: unknown) => JSON.stringify(value) ?? "not given";
  const options = telling.filter((key) => said(pair[0].config?.[key]) !== said(pair[1].config?.[key]));
  const stopped = [from, to].filter((name) => evaluations[name].ended === "interrupted").map(stageLabel);
  const most = Math.max(...pair.map(({ items }) => new Set(items.map(({ problemId }) => problemId)).size));
  return [
    ...options.length
      ? [`they were evaluated with other ${options.join(", ")}, so the difference is that too`]
      : [],
    ...stopped.length
      ? [`${stopped.join(" and ")} stopped before the end, and short completions end first`]
      : [],
    ...problems < most ? [`only ${problems} of ${most} problems were answered by both`] : [],
  ];
}

/** What can be concluded of the accuracy of two stages on the same problems, and what cannot, in a sentence. */
export function conclusion(difference: StageDifference, evaluations: Record<string, Evaluation>): string {
  const { from, to, problems, accuracy: { value, low, high }, mcnemar } = difference;
  const [before, after] = [stageLabel(from), stageLabel(to)];
  const half = (high - low) / 2, but = reservations(difference, evaluations);
  const range = `${signed(low)} to ${signed(high)}`;
  const test = mcnemar
    ? `, McNemar p ${mcnemar.p < 1e-4 ? mcnemar.p.toExponential(0) : mcnemar.p.toPrecision(2)}`
    : "";
  const said = low > 0 || high < 0
    ? `${after} is right ${
      low > 0 ? "more" : "less"
    } often than ${before} on these ${problems} problems, by ${points(value)} (95 %: ${range}${test})`
    : value === 0 && half === 0
    ? `${before} and ${after} are right on the same ${problems} problems`
    : `whether ${after} is right more or less often than ${before} cannot be told from these ${problems} problems: ${
      signed(value)
    } points (95 %: ${range}${test}); a difference of less than about ${points(half)} does not show here`;
  const sentence = said.charAt(0).toUpperCase() + said.slice(1);
  return but.length ? `${sentence}; but ${but.join("; and ")}.` : `${sentence}.`;
}
