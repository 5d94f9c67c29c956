import { escapeHtml } from "../display/escape_html.ts";
import { formatNumber } from "../display/format_number.ts";
import { highlightCompletion } from "../display/highlight_completion.ts";
import { fontFamily, ink, translucent } from "../display/palette.ts";
import { printable } from "../display/printable.ts";
import { textTable } from "../display/table.ts";
import type { CompletionRecord, RecordedTokens } from "../training/run.ts";
import type { RolloutInspection, RolloutStep } from "./rollout_inspection.ts";

/** Completions of a group that stand side by side; the rest is counted. */
const shown = 12;

const [unlikely, raised, lowered, far] = ["#e8590c", "#3b5bdb", "#c2255c", "#9c36b5"];
const strength = (value: number, most: number) => Math.min(1, Math.abs(value) / most);

/** What a token's colours say, `""` where there is nothing to say. */
function tokenStyle({ logprobs, ratios, kl }: RecordedTokens, t: number): string {
  const p = Math.exp(logprobs[t]), change = ratios ? Math.log(Math.max(1e-6, ratios[t])) : 0;
  return [
    p < 0.9 ? `background:${translucent(unlikely, Number((0.45 * (1 - p)).toFixed(2)))}` : "",
    Math.abs(change) > 0.01
      ? `border-bottom:2px solid ${
        translucent(change > 0 ? raised : lowered, Number((0.25 + 0.75 * strength(change, 0.3)).toFixed(2)))
      }`
      : "",
    kl && kl[t] > 0.02
      ? `border-top:2px solid ${translucent(far, Number((0.25 + 0.75 * strength(kl[t], 0.5)).toFixed(2)))}`
      : "",
  ].filter(Boolean).join(";");
}

function tokensHtml(tokens: RecordedTokens): string {
  return tokens.text.map((text, t) => {
    const style = tokenStyle(tokens, t);
    if (!style) return escapeHtml(text);
    const facts = [
      `p ${formatNumber(Math.exp(tokens.logprobs[t]))}`,
      ...(tokens.ratios ? [`ratio ${formatNumber(tokens.ratios[t])}`] : []),
      ...(tokens.kl ? [`KL ${formatNumber(tokens.kl[t])}`] : []),
    ];
    return `<span title="${facts.join(", ")}" style="${style}">${escapeHtml(text)}</span>`;
  }).join("");
}

const signed = (value: number) => `${value < 0 ? "−" : value > 0 ? "+" : ""}${formatNumber(Math.abs(value))}`;

function parts({ reward, advantage, components = {} }: CompletionRecord): [string, string][] {
  return [
    ["reward", formatNumber(reward)],
    ...(advantage === undefined ? [] : [["advantage", signed(advantage)] as [string, string]]),
    ...Object.entries(components).map(([name, score]): [string, string] => [name, formatNumber(score)]),
  ];
}

function completionHtml(record: CompletionRecord): string {
  const { advantage = 0, completion, tokens, errors } = record;
  const edge = advantage > 0 ? raised : advantage < 0 ? lowered : ink.line;
  const chips = parts(record).map(([name, value]) =>
    `<span style="white-space:nowrap;color:${ink.muted}">${
      escapeHtml(name)
    } <b style="color:${ink.text}">${value}</b></span>`
  );
  return `<div style="border:1px solid ${ink.grid};border-top:3px solid ${edge};border-radius:6px;padding:6px 10px;min-width:0;background:${ink.paper}">` +
    `<div style="display:flex;flex-wrap:wrap;gap:0 10px;font-size:11.5px;font-variant-numeric:tabular-nums">${
      chips.join("")
    }</div>` +
    Object.entries(errors ?? {}).map(([name, why]) =>
      `<div style="color:${lowered};font-size:11.5px">${escapeHtml(`${name}: ${why}`)}</div>`
    ).join("") +
    `<div style="white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:isolate;font:12px/1.7 ui-monospace,Menlo,Consolas,monospace;margin-top:4px;max-height:300px;overflow:auto">${
      tokens ? tokensHtml(tokens) : highlightCompletion(completion)
    }</div></div>`;
}

const legend = [
  [`background:${translucent(unlikely, 0.4)}`, "unlikely when sampled"],
  [`border-bottom:2px solid ${raised}`, "likelier by the update"],
  [`border-bottom:2px solid ${lowered}`, "less likely"],
  [`border-top:2px solid ${far}`, "far from the reference (KL)"],
].map(([style, text]) => `<span style="${style}">${text}</span>`).join(" · ");

function groupHtml(
  { step, problemId, question, reference, completions }: RolloutStep,
  turn: { before: string; after: string },
): string {
  const more = completions.length - shown;
  return `<div style="display:flex;justify-content:space-between;gap:12px;align-items:baseline"><span>${turn.before}</span>` +
    `<b style="font-size:14px">Step ${step}</b><span>${turn.after}</span></div>` +
    `<div style="margin:4px 0 8px;overflow-wrap:anywhere">${
      escapeHtml(question ?? `problem ${problemId}`)
    } <span style="color:${ink.muted}">${
      reference === undefined ? "" : escapeHtml(`reference ${reference}`)
    }</span></div>` +
    `<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(260px,1fr));gap:10px">${
      completions.slice(0, shown).map(completionHtml).join("")
    }</div>${
      more > 0
        ? `<div style="color:${ink.muted};margin-top:6px">and ${more} more in completions.jsonl</div>`
        : ""
    }`;
}

/**
 * Groups as one block of HTML without scripts: a radio button before each group shows the one that is chosen, and labels choose the
 * one before and after, so that a saved notebook and a page turn them without a kernel.
 */
export function rolloutsHtml({ name, step: open, available, steps }: RolloutInspection): string {
  const id = `rollouts-${crypto.randomUUID()}`;
  const label = (i: number, text: (step: number) => string) =>
    steps[i]
      ? `<label for="${id}-${i}" style="cursor:pointer;color:${raised}">${text(steps[i].step)}</label>`
      : "";
  const groups = steps.map((step, i) =>
    `<input type="radio" name="${id}" id="${id}-${i}" aria-label="step ${step.step}"${
      step.step === open ? " checked" : ""
    }>` +
    `<div class="group">${
      groupHtml(step, {
        before: label(i - 1, (before) => `‹ step ${before}`),
        after: label(i + 1, (after) => `step ${after} ›`),
      })
    }</div>`
  );
  const some = available.length > steps.length
    ? `; ${steps.length} of ${available.length} steps are here`
    : "";
  return `<div id="${id}" style="font:13px/1.5 ${fontFamily};color:${ink.text};background:${ink.paper};padding:8px 12px">` +
    `<style>#${id}>input{position:absolute;opacity:0}#${id}>.group{display:none}#${id}>input:checked+.group{display:block}` +
    `#${id}>input:focus-visible+.group{outline:2px solid ${
      translucent(raised, 0.4)
    };outline-offset:4px}</style>` +
    `<div style="color:${ink.muted};font-size:11.5px;margin-bottom:4px">Rollouts of ${
      escapeHtml(name)
    }${some} · ${legend}</div>${groups.join("")}</div>`;
}

/** The step that is open, for a terminal: a table of rewards, then each completion with its least likely tokens. */
export function rolloutsText({ name, step: open, available, steps }: RolloutInspection): string {
  const { problemId, question, reference, completions } = steps.find(({ step }) => step === open)!;
  const columns = [...new Set(completions.flatMap((record) => parts(record).map(([part]) => part)))];
  const table = textTable({
    title: `${name}, step ${open}: ${printable(question ?? `problem ${problemId}`, { limit: 300 })}${
      reference === undefined ? "" : ` (reference ${printable(reference)})`
    }`,
    columns: ["", ...columns],
    rows: completions.map((record, i) => {
      const own = new Map(parts(record));
      return [`#${i + 1}`, ...columns.map((column) => own.get(column) ?? "–")];
    }),
  });
  const texts = completions.slice(0, shown).map(({ completion, tokens }, i) =>
    `#${i + 1} ${printable(completion, { limit: 400 })}${tokens ? `\n   ${surprises(tokens)}` : ""}`
  );
  const place = available.indexOf(open),
    near = [available[place - 1], available[place + 1]].filter((one) => one !== undefined);
  return [table, "", ...texts, ...(near.length ? [`steps beside it: ${near.join(", ")}`] : [])].join("\n");
}

/** The tokens that were least likely when they were sampled. */
function surprises({ text, logprobs, ratios }: RecordedTokens): string {
  const places = logprobs.map((_, t) => t).sort((a, b) => logprobs[a] - logprobs[b]).slice(0, 4);
  return `least likely: ${
    places.map((t) =>
      `"${printable(text[t], { limit: 20 })}" p ${formatNumber(Math.exp(logprobs[t]))}${
        ratios ? ` ratio ${formatNumber(ratios[t])}` : ""
      }`
    ).join(", ")
  }`;
}
