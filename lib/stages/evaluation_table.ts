import { displayable } from "../display/displayable.ts";
import { formatDuration, formatNumber, formatPercent } from "../display/format_number.ts";
import { htmlTable, type Table, textTable } from "../display/table.ts";
import type { Evaluation, Rate } from "./evaluation.ts";
import { groupOrder } from "./group_order.ts";

const bounds = ({ low, high }: Rate) => `${(low * 100).toFixed(1)} to ${(high * 100).toFixed(1)} %`;
const rateRow = (
  name: string,
  rate: Rate,
) => [name, formatPercent(rate.value), bounds(rate), `${rate.count} of ${rate.total}`];

function table({ name, items, seconds, ...numbers }: Evaluation): Table {
  const { accuracy, formatRate, byDifficulty, byDomain, failures, passAt, majorityAt } = numbers;
  const groups = (title: string, rates: Record<string, Rate>) => {
    const all = groupOrder(Object.keys(rates));
    return all.length > 1 ? [[title], ...all.map((group) => rateRow(`  ${group}`, rates[group]))] : [];
  };
  const wrong = Object.entries(failures).sort(([, a], [, b]) => b - a);
  return {
    title: `${name}: ${formatPercent(accuracy.value)} right on ${items.length} answers, in ${
      formatDuration(seconds)
    }`,
    columns: ["", "value", "95 % interval", "count"],
    rows: [
      rateRow("accuracy", accuracy),
      rateRow("format rate", formatRate),
      ["trace score", formatNumber(numbers.trace), "", ""],
      ["mean tokens", formatNumber(numbers.meanTokens), "", ""],
      ["truncated", formatPercent(numbers.truncatedFraction), "", ""],
      ...Object.entries(passAt).filter(([k]) => k !== "1").flatMap(([k, share]) => [
        [`pass@${k}`, formatPercent(share), "", ""],
        [`maj@${k}`, formatPercent(majorityAt[Number(k)]), "", ""],
      ]),
      ...groups("accuracy by difficulty", byDifficulty),
      ...groups("accuracy by domain", byDomain),
      ...(wrong.length ? [["why answers are wrong"]] : []),
      ...wrong.map((
        [kind, count],
      ) => [`  ${kind}`, formatPercent(count / items.length), "", `${count} of ${items.length}`]),
    ],
    notes: ["Wilson intervals. Every completion is in items."],
  };
}

/**
 * Gives an evaluation its face: a table of its rates with their intervals, by difficulty and domain, and of why answers are
 * wrong. The data stays plain.
 *
 * @example
 * ```ts
 * console.log(evaluationTable(evaluation));
 * ```
 */
export function evaluationTable(evaluation: Evaluation): Evaluation {
  return displayable(evaluation, {
    text: (shown) => textTable(table(shown)),
    html: (shown) => htmlTable(table(shown)),
  });
}
