import { displayable } from "../display/displayable.ts";
import { escapeHtml } from "../display/escape_html.ts";
import { highlightSpans } from "../display/highlight_spans.ts";
import { fontFamily, ink, seriesColours } from "../display/palette.ts";
import { printable } from "../display/printable.ts";
import { textTable } from "../display/table.ts";
import { asReward } from "../rewards/as_reward.ts";
import type { ComponentScore, Reward, RewardFunction, RewardSpan } from "../rewards/reward.ts";
import { type RewardCase, sampleOf } from "./reward_case.ts";

/** One component's part in a completion's reward. */
export interface InspectedComponent extends ComponentScore {
  /** The component's name. */
  name: string;
  /** weight · score; 0 when the component could not judge or failed. */
  contribution: number;
  /** The words behind the score, in the component's order; empty when it points at none. */
  spans: RewardSpan[];
}

/** A completion's reward, taken apart. Plain data that displays itself. */
export interface RewardInspection {
  /** What was scored. */
  completion: string;
  /** What was asked. */
  question: string;
  /** The right answer. */
  reference: string;
  /** The step that schedules are read at. */
  step: number;
  /** Steps in all. */
  steps: number;
  /** The curriculum's phase. */
  phase: string;
  /** What `grpo` would maximise. */
  total: number;
  /** The sum of the contributions, before the reward's floor. */
  sum: number;
  /** What each component said. */
  components: InspectedComponent[];
}

/**
 * Takes the reward of one completion apart: each component's score, its weight at the step, what that contributes, and the words
 * of the completion that earned or cost it, highlighted in a notebook and quoted in a terminal.
 *
 * @throws {TypeError} when the completion or the problem is no text
 * @example
 * ```ts
 * import { compositeReward, inspectReward } from "../../mod.ts";
 * const inspection = await inspectReward(compositeReward({ preset: "r3" }), {
 *   completion: "<reasoning>First, 5 + 3 = 8.</reasoning><answer>8</answer>",
 *   problem: { question: "5 + 3?", answer: "8" },
 * });
 * inspection.components[0]; // { name: "correctness", score: 1, weight: 0.4, contribution: 0.4, spans: […] }
 * ```
 */
export async function inspectReward(
  given: Reward | RewardFunction,
  options: RewardCase,
): Promise<RewardInspection> {
  const reward = asReward(given),
    sample = sampleOf(options),
    { completion, problem, step, steps, phase } = sample;
  const [{ total, components: scores }] = await reward.score([sample]);
  const spans = reward.explain?.(sample) ?? {};
  const components = Object.entries(scores).map(([name, score]) => ({
    name,
    ...score,
    contribution: score.score === null ? 0 : score.weight * score.score,
    spans: (spans[name] ?? []).filter(({ start, end }) =>
      0 <= start && start < end && end <= completion.length
    ),
  }));
  const sum = components.reduce((all, { contribution }) => all + contribution, 0);
  const { question, answer: reference } = problem;
  return displayable(
    { completion, question, reference, step, steps, phase, total, sum, components },
    { text: textOf, html: htmlOf },
  );
}

/** Four decimals, and no −0. */
const four = (value: number) => (Number(value.toFixed(4)) + 0).toFixed(4);

const scoreOf = ({ score }: InspectedComponent) => score === null ? "–" : four(score);

/** Why a component's words can't be shown, if so. */
function silence({ score, error, spans }: InspectedComponent): string | null {
  if (error !== undefined) return `failed: ${error}`;
  if (score === null) return "cannot judge this completion, so it is left out of the sum";
  return spans.length === 0 ? "points at no words here" : null;
}

/** Each reason that the words were given for, once, with its words. */
function reasons({ completion }: RewardInspection, { spans }: InspectedComponent): [string, string[]][] {
  const grouped = Map.groupBy(spans, ({ why }) => why);
  return [...grouped].map(([why, own]) => [why, own.map(({ start, end }) => completion.slice(start, end))]);
}

const title = ({ total, step, steps, phase }: RewardInspection) =>
  `Reward ${four(total)} at step ${step} of ${steps}, phase ${phase}`;

const raised = ({ total, sum }: RewardInspection) =>
  Math.abs(total - sum) > 1e-9
    ? [`The components sum to ${four(sum)}; the reward's floor makes it ${four(total)}.`]
    : [];

const mostQuotes = 4;

function textOf(inspection: RewardInspection): string {
  const { components } = inspection;
  const table = textTable({
    title: printable(title(inspection)),
    columns: ["component", "score", "weight", "contribution"],
    rows: [
      ...components.map((component) => [
        printable(component.name),
        scoreOf(component),
        four(component.weight),
        four(component.contribution),
      ]),
      ["sum", "", "", four(inspection.sum)],
    ],
    notes: raised(inspection),
  });
  const words = components.flatMap((component) => {
    const silent = silence(component);
    if (silent) return [`${printable(component.name)}: ${printable(silent, { limit: 300 })}`];
    return [
      printable(component.name),
      ...reasons(inspection, component).map(([why, quotes]) => {
        const more = quotes.length > mostQuotes ? ` and ${quotes.length - mostQuotes} more` : "";
        const shown = quotes.slice(0, mostQuotes).map((quote) => `"${printable(quote, { limit: 60 })}"`);
        return `  ${printable(why, { limit: 120 })}: ${shown.join(", ")}${more}`;
      }),
    ];
  });
  return [table, "", ...words].join("\n");
}

/** Earned and lost in the two colours that every kind of colour vision tells apart; the sign says it too. Neither is grey. */
const [earned, lost] = seriesColours;
const colourOf = (contribution: number) => contribution > 0 ? earned : contribution < 0 ? lost : ink.muted;

function htmlOf(inspection: RewardInspection): string {
  const { components, completion, question, reference } = inspection;
  const widest = Math.max(1e-9, ...components.map(({ contribution }) => Math.abs(contribution)));
  const bar = (contribution: number) =>
    `<div style="height:6px;margin:5px 0 3px;background:${ink.grid};max-width:170px"><div style="height:6px;width:${
      (100 * Math.abs(contribution) / widest).toFixed(1)
    }%;background:${colourOf(contribution)}"></div></div>`;
  const muted = (text: string) => `<span style="color:${ink.muted}">${escapeHtml(text)}</span>`;
  const row = (component: InspectedComponent) => {
    const { name, weight, contribution } = component, silent = silence(component);
    const sign = contribution > 0 ? "+" : "";
    const why = reasons(inspection, component).map(([text, quotes]) =>
      escapeHtml(text) + (quotes.length > 1 ? ` ${muted(`(${quotes.length} places)`)}` : "")
    );
    const words = silent
      ? muted(silent)
      : `<div style="white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;max-height:13em;overflow-y:auto">${
        highlightSpans(completion, component.spans, { colour: colourOf(contribution) })
      }</div><div style="font-size:12px;color:${ink.muted};margin-top:3px">${why.join(" · ")}</div>`;
    const cell =
      `padding:9px 16px 9px 0;border-top:1px solid ${ink.grid};vertical-align:top;text-align:left;color:${ink.text};background:${ink.paper}`;
    return `<tr style="background:${ink.paper}"><td style="${cell};width:190px"><b>${escapeHtml(name)}</b>${
      bar(contribution)
    }<span style="font-variant-numeric:tabular-nums">` +
      `<b>${sign}${four(contribution)}</b> ${
        muted(`= ${scoreOf(component)} × ${four(weight)}`)
      }</span></td><td style="${cell}">${words}</td></tr>`;
  };
  return `<div style="font:13px/1.5 ${fontFamily};color:${ink.text};background:${ink.paper};padding:6px 10px;max-width:980px">` +
    `<div style="font-size:15px;font-weight:700">${escapeHtml(title(inspection))}</div>` +
    `<div style="margin:2px 0 8px;overflow-wrap:anywhere">${muted(printable(question, { limit: 400 }))} ` +
    `${muted(`Reference: ${printable(reference, { limit: 100 })}`)}</div>` +
    `<table style="border-collapse:collapse;font:inherit;color:inherit;width:100%;margin:0;table-layout:auto"><tbody>${
      components.map(row).join("")
    }</tbody></table>${
      raised(inspection).map((note) => `<div style="margin-top:6px">${muted(note)}</div>`).join("")
    }</div>`;
}
