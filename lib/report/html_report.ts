import type { Evaluation, EvaluationItem } from "../stages/evaluation.ts";
import { runTable } from "../training/run_table.ts";
import type { TrainingRun } from "../training/run.ts";
import { compare } from "./compare.ts";
import { stageLabel } from "./stage_label.ts";
import { displayedHtml } from "../display/displayable.ts";
import { escapeHtml } from "../display/escape_html.ts";
import type { RolloutInspection } from "./rollout_inspection.ts";
import type { FinalResults } from "./final_results.ts";
import { formatDuration, formatNumber, formatPercent } from "../display/format_number.ts";
import { highlightCompletion } from "../display/highlight_completion.ts";
import { fontFamily, ink } from "../display/palette.ts";
import { htmlTable } from "../display/table.ts";

/** What {@linkcode htmlReport} shows. */
export interface ReportContents {
  results: FinalResults;
  runs: TrainingRun[];
  evaluations: Record<string, Evaluation>;
  /** Figures as SVG documents, by name. */
  pictures: Record<string, string>;
  /** The groups of the last GRPO run, `null` without. */
  rollouts: RolloutInspection | null;
  /** The configuration as YAML. */
  config: string;
}

const style = `
:root{color-scheme:light}
body{font:15px/1.55 ${fontFamily};color:${ink.text};background:#f4f6f8;margin:0}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:28px;margin:0 0 4px}h2{font-size:20px;margin:0 0 12px}h3{font-size:15px;margin:18px 0 6px}
section{background:#fff;border:1px solid ${ink.grid};border-radius:10px;padding:20px 24px;margin-top:18px;overflow-x:auto}
.muted{color:${ink.muted}}.cards{display:flex;flex-wrap:wrap;gap:14px;margin-top:18px}
.card{background:#fff;border:1px solid ${ink.grid};border-radius:10px;padding:14px 18px;flex:1;min-width:180px}
.card b{display:block;font-size:26px;font-variant-numeric:tabular-nums;margin:2px 0}
figure{margin:0 0 18px}figure svg{max-width:100%;height:auto;display:block}
.completion{white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;background:#f7f9fb;border-radius:6px;padding:8px 12px;margin:4px 0 0}
article{border-top:1px solid ${ink.grid};padding:12px 0}.right{color:#0b7a5c;font-weight:600}.wrong{color:#b8264f;font-weight:600}
details{margin-top:8px}summary{cursor:pointer;font-weight:600}pre{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;overflow-x:auto}
.note{border-left:3px solid #e8a317;background:#fff9ec;padding:4px 12px;margin:6px 0}
@media print{body{background:#fff}section,.card{break-inside:avoid}}
`;

/**
 * The report of a run as one HTML file without scripts, links or anything to load: key numbers, before/after tables, the
 * figures as inline SVG, sample completions, failure analysis, diagnoses, configuration and environment. Every text that
 * a model or a data set wrote is escaped.
 */
export function htmlReport(
  { results, runs, evaluations, pictures, config, rollouts }: ReportContents,
): string {
  const names = Object.keys(evaluations), { title } = results;
  return `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · showwork</title><style>${style}</style></head><body><main>
<h1>${escapeHtml(title)}</h1><div class="muted">${escapeHtml(headline(results, runs))}</div>
${unfinished(runs)}
${cards(evaluations)}
${names.length ? section("Before and after", displayedHtml(compare(evaluations))) : ""}
${picturesOf(pictures)}
${runs.length ? section("Training", runs.map(runSummary).join("")) : ""}
${rollouts ? section("Rollouts", displayedHtml(rollouts)) : ""}
${names.length ? section("Failure analysis", failures(evaluations)) : ""}
${names.length ? section("Completions", samples(evaluations)) : ""}
${
    section(
      "Configuration and environment",
      `<details><summary>config.yaml</summary><pre>${escapeHtml(config)}</pre></details>
<details><summary>Environment</summary><pre>${
        escapeHtml(JSON.stringify(results.environment, null, 2))
      }</pre></details>`,
    )
  }
</main></body></html>
`;
}

/** Says where nobody overlooks it that the run did not finish. */
function unfinished(runs: TrainingRun[]): string {
  return runs.filter(({ ended }) => ended !== "finished").map(({ name, ended, reason, steps }) =>
    `<div class="note"><b>${escapeHtml(stageLabel(name))} did not finish: ${escapeHtml(ended)}</b> (${
      escapeHtml(reason ?? `after ${steps.length} steps`)
    }). What follows is of the weights as they were then.</div>`
  ).join("");
}

const section = (title: string, body: string) => `<section><h2>${escapeHtml(title)}</h2>${body}</section>`;

function headline({ exported, environment, seconds, showwork }: FinalResults, runs: TrainingRun[]): string {
  const stages = runs.map(({ name, steps }) => `${stageLabel(name)} ${steps.length} steps`);
  return [
    ...stages,
    `${formatDuration(seconds)} of computing`,
    `showwork ${showwork.version}${showwork.commit ? ` (${showwork.commit.slice(0, 9)})` : ""}`,
    `Deno ${environment.deno}`,
    exported.slice(0, 16).replace("T", " ") + " UTC",
  ]
    .join(" · ");
}

function cards(evaluations: Record<string, Evaluation>): string {
  const list = Object.entries(evaluations).map(([name, { accuracy, formatRate }]) =>
    `<div class="card"><span class="muted">${escapeHtml(stageLabel(name))}: accuracy</span><b>${
      formatPercent(accuracy.value)
    }</b>` +
    `<span class="muted">${(accuracy.low * 100).toFixed(1)} to ${
      (accuracy.high * 100).toFixed(1)
    } % · ${accuracy.count} of ${accuracy.total} · ` +
    `format ${formatPercent(formatRate.value)}</span></div>`
  );
  return list.length ? `<div class="cards">${list.join("")}</div>` : "";
}

function picturesOf(pictures: Record<string, string>): string {
  const all = Object.entries(pictures);
  if (!all.length) return "";
  return `<section>${
    all.map(([name, svg]) =>
      `<figure aria-label="${escapeHtml(name.replaceAll("_", " "))}">${scalable(svg)}</figure>`
    ).join("")
  }</section>`;
}

/** A `viewBox`, so that the picture shrinks with the page instead of being cut. */
function scalable(svg: string): string {
  const open = /<svg\b[^>]*>/.exec(svg)?.[0] ?? "";
  const width = /\bwidth="([\d.]+)"/.exec(open)?.[1], height = /\bheight="([\d.]+)"/.exec(open)?.[1];
  return /viewBox/i.test(open) || !width || !height
    ? svg
    : svg.replace("<svg", `<svg viewBox="0 0 ${width} ${height}"`);
}

/** How the run ended, its metrics and its diagnoses, as a notebook shows them; on a copy, so that `run` stays as it is. */
function runSummary(run: TrainingRun): string {
  return displayedHtml(runTable({ ...run, name: stageLabel(run.name) }));
}

function failures(evaluations: Record<string, Evaluation>): string {
  const all = Object.entries(evaluations);
  const kinds = [...new Set(all.flatMap(([, evaluation]) => Object.keys(evaluation.failures)))];
  if (!kinds.length) return "<p>No answer was wrong.</p>";
  const share = (evaluation: Evaluation, kind: string) => {
    const count = evaluation.failures[kind] ?? 0;
    return `${count} (${formatPercent(count / evaluation.items.length)})`;
  };
  const [lastName, last] = all.at(-1)!;
  const examples = kinds.flatMap((kind) => {
    const item = last.items.find((candidate) => candidate.failure === kind);
    return item ? [`<h3>${escapeHtml(kind)}</h3>${completion(item)}`] : [];
  });
  return htmlTable({
    columns: ["", ...all.map(([name]) => stageLabel(name))],
    rows: kinds.map((kind) => [kind, ...all.map(([, evaluation]) => share(evaluation, kind))]),
  }) + (examples.length
    ? `<details><summary>An example of each (${escapeHtml(stageLabel(lastName))})</summary>${
      examples.join("")
    }</details>`
    : "");
}

/** The first problems of the test set with what every stage made of them, so that nobody can pick the best. */
function samples(evaluations: Record<string, Evaluation>): string {
  const all = Object.entries(evaluations),
    ids = [...new Set(all[0][1].items.map((item) => item.problemId))].slice(0, 6);
  return `<p class="muted">The first ${ids.length} problems of the test set, answered by every stage; the rest is in completions.jsonl.</p>` +
    ids.map((id) =>
      `<article>${
        all.flatMap(([name, { items }], i) => {
          const item = items.find((candidate) => candidate.problemId === id);
          return item
            ? [`${
              i
                ? ""
                : `<div><b>${escapeHtml(item.question)}</b> <span class="muted">${
                  escapeHtml(`${item.difficulty}, ${item.domain}, reference ${item.reference}`)
                }</span></div>`
            }${completion(item, stageLabel(name))}`]
            : [];
        }).join("")
      }</article>`
    ).join("");
}

function completion(item: EvaluationItem, stage?: string): string {
  const verdict = item.correct ? `<span class="right">right</span>` : `<span class="wrong">wrong</span>`;
  const facts = [
    ...(stage ? [] : [`${item.question} (reference ${item.reference})`]),
    ...(item.failure && stage ? [item.failure] : []),
    `${item.tokens} tokens`,
    ...(item.answerProbability === null
      ? []
      : [`answer probability ${formatNumber(item.answerProbability)}`]),
  ];
  return `<div style="margin-top:8px">${
    stage ? `<b>${escapeHtml(stage)}</b> ` : ""
  }${verdict} <span class="muted">${escapeHtml(facts.join(" · "))}</span></div><div class="completion">${
    highlightCompletion(item.completion)
  }</div>`;
}
