import { displayable } from "../display/displayable.ts";
import { formatDuration, formatNumber, formatPercent } from "../display/format_number.ts";
import { printable } from "../display/printable.ts";
import { htmlTable, type Table, textTable } from "../display/table.ts";
import type { Evaluation, Rate } from "./evaluation.ts";
import { groupOrder } from "./group_order.ts";

const bounds = ({ low, high }: { low: number; high: number }) =>
  `${(low * 100).toFixed(1)} to ${(high * 100).toFixed(1)} %`;
const rateRow = (
  name: string,
  rate: Rate,
) => [name, formatPercent(rate.value), bounds(rate), `${rate.count} of ${rate.total}`];

/** Kinds of failure that are shown with an example. */
const exampled = 3;

/** Notes on how the evaluation went. */
function caveats({ ended, problems: { asked, answered, tooLong, unjudged } }: Evaluation): string[] {
  const left = asked - answered - tooLong - unjudged;
  return [
    ...ended === "interrupted"
      ? [
        `Stopped: ${answered} of ${asked} problems were answered whole, ${left} were not and count for nothing; ` +
        "short completions end first, so these are no fair sample. Go on with resumeFrom.",
      ]
      : [],
    ...tooLong
      ? [`${tooLong} of ${asked} problems left out: the prompt leaves no room for a completion.`]
      : [],
    ...unjudged
      ? [`${unjudged} of ${asked} problems left out: it cannot be said whether the answer is right.`]
      : [],
  ];
}

function table(evaluation: Evaluation): Table {
  const { name, items, seconds, accuracy, accuracyAnywhere, formatRate, byDifficulty, byDomain, failures } =
    evaluation;
  const groups = (title: string, rates: Record<string, Rate>) => {
    const all = groupOrder(Object.keys(rates));
    return all.length > 1 ? [[title], ...all.map((group) => rateRow(`  ${group}`, rates[group]))] : [];
  };
  const wrong = Object.entries(failures).sort(([, a], [, b]) => b - a), { distractors } = evaluation;
  return {
    title: `${name}: ${formatPercent(accuracy.value)} right on ${items.length} answers, in ${
      formatDuration(seconds)
    }`,
    columns: ["", "value", "95 % interval", "count"],
    rows: [
      rateRow("accuracy", accuracy),
      rateRow("accuracy anywhere", accuracyAnywhere),
      rateRow("format rate", formatRate),
      ["trace score", formatNumber(evaluation.trace), "", ""],
      ["mean tokens", formatNumber(evaluation.meanTokens), "", ""],
      ["truncated", formatPercent(evaluation.truncatedFraction), "", ""],
      ...evaluation.ece === null ? [] : [["calibration error (ECE)", formatNumber(evaluation.ece), "", ""]],
      ...evaluation.atK.filter(({ k }) => k > 1).flatMap(({ k, pass, majority }) => [
        [`pass@${k}`, formatPercent(pass.value), bounds(pass), ""],
        [`maj@${k}`, formatPercent(majority.value), bounds(majority), ""],
      ]),
      ...distractors
        ? [
          [`${distractors.problems} problems both ways`],
          rateRow("  without distractor", distractors.plain),
          rateRow("  with distractor", distractors.distracted),
          ["  difference", formatPercent(distractors.difference.value), bounds(distractors.difference), ""],
        ]
        : [],
      ...groups("accuracy by difficulty", byDifficulty),
      ...groups("accuracy by domain", byDomain),
      ...(wrong.length ? [["why answers are wrong"]] : []),
      ...wrong.map((
        [kind, count],
      ) => [`  ${kind}`, formatPercent(count / items.length), "", `${count} of ${items.length}`]),
    ],
    notes: [
      ...caveats(evaluation),
      ...wrong.slice(0, exampled).map(([kind]) => {
        const { question, reference, completion } = items.find(({ failure }) => failure === kind)!;
        return `${kind}: ${printable(question, { limit: 120 })} → ${printable(completion, { limit: 160 })} (${
          printable(reference, { limit: 40 })
        })`;
      }),
      "Accuracy: right in the format; anywhere: right wherever the answer stands. Intervals are over problems. Every completion is in items.",
    ],
  };
}

/**
 * Makes an evaluation display itself as a table of its rates with their intervals, by difficulty and domain, and of why answers are
 * wrong. The data stays plain.
 *
 * @example
 * ```ts
 * import { evaluate, loadDataset, loadModel } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * console.log(evaluationTable(await evaluate(model, data.test, { maxTokens: 32 })));
 * ```
 */
export function evaluationTable(evaluation: Evaluation): Evaluation {
  return displayable(evaluation, {
    text: (shown) => textTable(table(shown)),
    html: (shown) => htmlTable(table(shown)),
  });
}
