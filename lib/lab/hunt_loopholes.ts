import { z } from "zod";
import { type FormatOption, formatSchema } from "../formats/format_schema.ts";
import { responseFormatOf } from "../formats/response_format_of.ts";
import type { Problem } from "../data/problem.ts";
import { displayable } from "../display/displayable.ts";
import { printable } from "../display/printable.ts";
import { type Cell, htmlTable, type Table, textTable } from "../display/table.ts";
import { asProblems } from "../data/as_problems.ts";
import { parseOptions } from "../options/parse_options.ts";
import { graphLoopholes } from "./graph_loopholes.ts";
import { loopholes } from "./loopholes.ts";
import type { RewardSample } from "../rewards/reward.ts";
import { type GivenReward, namedRewards } from "./named_rewards.ts";
import { type CaseDefaults, placeFields, sampleOf } from "./reward_case.ts";

const huntSchema = z.strictObject({
  ...placeFields,
  format: formatSchema.optional(),
  only: z.custom<RegExp>((value) => value instanceof RegExp, { error: "must be a regular expression" })
    .optional().describe(
      "Tries only loopholes whose names match.",
    ),
  logprob: z.number().max(0).default(Math.log(0.9)).describe("Of every token, nats. Default ln 0.9."),
});

/** Where in a run the hunt takes place, and how sure the model is made to look. */
export interface HuntOptions extends CaseDefaults {
  /** How the run's answers are written and read; `graph` (R2) has loopholes of its own. @default "tags" */
  format?: FormatOption;
  /** Tries only loopholes whose names match. */
  only?: RegExp;
  /** Log-probability given to every token of every completion, in nats: nobody gains by it. @default ln 0.9 */
  logprob?: number;
}

/** What a completion earns under each reward. */
export interface HuntRow {
  /** The loophole's name. */
  name: string;
  /** The text that it would exploit. */
  completion: string;
  /** Whether it holds the right answer. */
  knows: boolean;
  /** What it earns, by reward. */
  earns: Record<string, number>;
}

/** The result of a hunt. Plain data that displays itself as a table. */
export interface LoopholeHunt {
  /** What was asked. */
  question: string;
  /** The right answer. */
  reference: string;
  /** The curriculum's phase. */
  phase: string;
  /** Names of the rewards compared. */
  rewards: string[];
  /** The honest right and the honest wrong completion. */
  honest: { right: HuntRow; wrong: HuntRow };
  /** A row a loophole. */
  loopholes: HuntRow[];
  /** Loopholes that earn more than an honest completion that knows as much: what a policy would learn to do. */
  open: { name: string; reward: string; excess: number }[];
}

/** Words, numbers, marks and spaces, for tokens: joined they are the text. */
const tokensOf = (text: string) => text.match(/\p{L}+|\p{N}+|\s+|[^\p{L}\p{N}\s]/gu) ?? [];

/**
 * Scores degenerate completions of a problem (see `loopholes`) under several rewards, and says which of them earn more than honest
 * work: those without the right answer are measured by an honest wrong answer with reasoning, those with it by an honest right one.
 *
 * Tokens are words, numbers and marks, each as likely as the next, so that confidence and verbosity judge every completion alike.
 *
 * @param options The phase is the problem's difficulty unless given.
 * @throws {RangeError} when the problem has no worked solution, no answer, or no graph where one is asked for
 * @example
 * ```ts
 * import { generateProblems, huntLoopholes } from "../../mod.ts";
 * const [problem] = generateProblems({ count: 1, seed: 1 });
 * const { open } = await huntLoopholes({ r3: { preset: "r3" } }, problem);
 * ```
 */
export async function huntLoopholes(
  given: Record<string, GivenReward>,
  asked: Problem,
  options: HuntOptions = {},
): Promise<LoopholeHunt> {
  const rewards = namedRewards("huntLoopholes' first argument", given),
    [problem] = asProblems([asked], "huntLoopholes");
  const { logprob, phase = problem.difficulty, format, only, ...place } = parseOptions(
    huntSchema,
    options,
    "huntLoopholes",
  );
  const { honest, loopholes: list } = responseFormatOf(format).name === "graph"
    ? graphLoopholes(problem)
    : loopholes(problem, { format });
  const rows: HuntRow[] = [
    { name: "honest, right", completion: honest.right, knows: true, earns: {} },
    { name: "honest, wrong", completion: honest.wrong, knows: false, earns: {} },
    ...list.filter(({ name }) => !only || name.search(only) >= 0).map((loophole) => ({
      ...loophole,
      earns: {},
    })),
  ];
  const samples = rows.map(({ completion }): RewardSample => {
    const tokens = tokensOf(completion);
    return sampleOf({ completion, format, problem, tokens, tokenLogprobs: tokens.map(() => logprob) }, {
      ...place,
      phase,
    });
  });
  for (const [name, reward] of Object.entries(rewards)) {
    for (const [i, { total }] of (await reward.score(samples)).entries()) rows[i].earns[name] = total;
  }
  const [right, wrong, ...degenerate] = rows;
  const open = degenerate.flatMap((row) =>
    Object.keys(rewards).map((reward) => ({
      name: row.name,
      reward,
      excess: excessOf(row, reward, { right, wrong }),
    }))
  ).filter(({ excess }) => excess > 0);
  const { question, answer: reference } = problem;
  return displayable({
    question,
    reference,
    phase,
    rewards: Object.keys(rewards),
    honest: { right, wrong },
    loopholes: degenerate,
    open,
  }, { text: (hunt) => textTable(tableOf(hunt)), html: (hunt) => htmlTable(tableOf(hunt)) });
}

/** How much more a completion earns than an honest one; rounding is no gain. */
function excessOf({ knows, earns }: HuntRow, reward: string, honest: LoopholeHunt["honest"]): number {
  const excess = earns[reward] - honest[knows ? "right" : "wrong"].earns[reward];
  return excess > 1e-9 ? excess : 0;
}

function tableOf({ rewards, honest, loopholes, open, question, reference, phase }: LoopholeHunt): Table {
  const cells = (row: HuntRow): Cell[] => [
    row.name,
    ...rewards.map((reward): Cell => {
      const text = (Number(row.earns[reward].toFixed(3)) + 0).toFixed(3);
      return excessOf(row, reward, honest) > 0 ? { text: `${text} ▲`, mark: "worse" } : text;
    }),
  ];
  return {
    title: open.length ? `${open.length} open loophole${open.length > 1 ? "s" : ""}` : "No loophole is open",
    columns: ["completion", ...rewards.map((name) => printable(name))],
    rows: [
      ["Without the right answer: nothing may earn more than the honest wrong answer"],
      cells(honest.wrong),
      ...loopholes.filter(({ knows }) => !knows).map(cells),
      ["With the right answer: nothing may earn more than the honest right answer"],
      cells(honest.right),
      ...loopholes.filter(({ knows }) => knows).map(cells),
    ],
    notes: [
      `${printable(question, { limit: 300 })} Reference: ${
        printable(reference)
      }. Phase ${phase}. ▲ earns more than honest work.`,
    ],
  };
}
