import { z } from "zod";
import { displayable } from "../display/displayable.ts";
import { printable } from "../display/printable.ts";
import { htmlTable, type Table, textTable } from "../display/table.ts";
import { checkArgument } from "../options/check_argument.ts";
import { parseOptions } from "../options/parse_options.ts";
import { type GivenReward, namedRewards } from "./named_rewards.ts";
import { type CaseDefaults, placeFields, type RewardCase, sampleOf } from "./reward_case.ts";

const ablationSchema = z.strictObject({
  ...placeFields,
  scores: z.boolean().optional().describe("Show the raw component scores beside the totals. Default true."),
});

/** How {@linkcode ablateReward} scores and shows. */
export interface AblationOptions extends CaseDefaults {
  /** Show the raw component scores beside the totals; the data holds them in any case. @default true */
  scores?: boolean;
}

/** What each configuration makes of one case. */
export interface AblationCase {
  /** What the table calls it. */
  name: string;
  /** What is scored. */
  completion: string;
  /** The reward by configuration. */
  totals: Record<string, number>;
  /** Raw component scores by configuration and component; `null` where a component could not judge. */
  components: Record<string, Record<string, number | null>>;
}

/** The same completions under several rewards. Plain data that displays itself as a table. */
export interface RewardAblation {
  /** The columns: each configuration's name. */
  configs: string[];
  /** The rows. */
  cases: AblationCase[];
}

/**
 * Scores the same completions under several rewards, to see what a component or a weight is worth: a row a case, a column a raw
 * component score and a column a configuration's total. Cases given as a list are called by their completions.
 *
 * @param options The step, run length and phase of cases that name none.
 * @throws {RangeError} without a configuration or a case, and for what `compositeReward` refuses
 * @throws {TypeError} when a completion or a problem is no text
 * @example
 * ```ts
 * import { ablateReward } from "../../mod.ts";
 * const problem = { question: "5 + 3?", answer: "8" };
 * const { cases } = await ablateReward({
 *   "answer only": { components: { correctness: { weight: 1 } } },
 *   "with trace": { components: { correctness: { weight: 0.6 }, trace: { weight: 0.4 } } },
 * }, [{ completion: "<answer>8</answer>", problem }]);
 * cases[0].totals; // { "answer only": 1, "with trace": 0.68 }
 * ```
 */
export async function ablateReward(
  configs: Record<string, GivenReward>,
  cases: Record<string, RewardCase> | RewardCase[],
  options: AblationOptions = {},
): Promise<RewardAblation> {
  const { scores = true, ...place } = parseOptions(ablationSchema, options, "ablateReward");
  const rewards = namedRewards("ablateReward's first argument", configs);
  if (!Array.isArray(cases)) checkArgument("ablateReward's second argument", "options", cases);
  const named = Array.isArray(cases)
    ? cases.map((one): [string, RewardCase] => [printable(String(one?.completion), { limit: 90 }), one])
    : Object.entries(cases);
  if (named.length === 0) throw new RangeError("ablateReward() needs at least one case, got none");
  const samples = named.map(([, one]) => sampleOf(one, place));
  const rows: AblationCase[] = named.map(([name, { completion }]) => ({
    name,
    completion,
    totals: {},
    components: {},
  }));
  for (const [config, reward] of Object.entries(rewards)) {
    for (const [i, { total, components }] of (await reward.score(samples)).entries()) {
      rows[i].totals[config] = total;
      rows[i].components[config] = Object.fromEntries(
        Object.entries(components).map(([name, { score }]) => [name, score]),
      );
    }
  }
  return displayable({ configs: Object.keys(rewards), cases: rows }, {
    text: (ablation) => textTable(tableOf(ablation, scores)),
    html: (ablation) => htmlTable(tableOf(ablation, scores)),
  });
}

const shown = (value: number | null | undefined) =>
  typeof value === "number" ? (Number(value.toFixed(4)) + 0).toFixed(4) : "–";

/** Component columns: one a component, or one for each group of configurations that score it alike. */
function componentColumns(
  { configs, cases }: RewardAblation,
): { title: string; config: string; name: string }[] {
  const names = [...new Set(configs.flatMap((config) => Object.keys(cases[0].components[config])))];
  return names.flatMap((name) => {
    const own = configs.filter((config) => name in cases[0].components[config]);
    const alike = Map.groupBy(
      own,
      (config) => JSON.stringify(cases.map((one) => one.components[config][name])),
    );
    return [...alike.values()].map((group) => ({
      title: alike.size > 1 ? `${name} in ${group.join(", ")}` : name,
      config: group[0],
      name,
    }));
  });
}

function tableOf(ablation: RewardAblation, scores: boolean): Table {
  const columns = scores ? componentColumns(ablation) : [];
  return {
    title: "Rewards of the same completions",
    columns: ["completion", ...columns.map(({ title }) => title), ...ablation.configs].map((column) =>
      printable(column)
    ),
    rows: ablation.cases.map((one) => [
      printable(one.name, { limit: 90 }),
      ...columns.map(({ config, name }) => shown(one.components[config][name])),
      ...ablation.configs.map((config) => shown(one.totals[config])),
    ]),
    wrapNames: true,
    notes: columns.length === 0 ? [] : [
      `Raw scores of ${
        columns.map(({ title }) => title).join(", ")
      }; then the total reward by configuration.`,
    ],
  };
}
