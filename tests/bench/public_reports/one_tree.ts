/**
 * Tries every input of the public reports on one tree of showwork and prints an outcome a line, as JSON. Arguments: the tree, and the
 * file of reports.
 */
import { cpuUsage } from "node:process";
import type { Outcome, Replays } from "./replay.ts";
import { openTree, type Tree } from "./replay.ts";
import { replays as data } from "./replay_data.ts";
import { replays as judges } from "./replay_judges.ts";
import { replays as models } from "./replay_models.ts";
import { replays as shown } from "./replay_shown.ts";
import { replays as training } from "./replay_training.ts";

/** One report. */
export interface Report {
  kind: string;
  input: string;
  want: unknown;
  severity: string;
}

const replays: Replays = { ...data, ...training, ...models, ...judges, ...shown };

/** A comparison of answers, both ways round, its arguments taken from the input's text. */
function answers({ showwork }: Tree, input: string, want: unknown): Outcome | null {
  const found = /^answersMatch\((".*"), (".*")\)$/.exec(input);
  if (!found) return null;
  const [answer, reference] = found.slice(1).map((text) => JSON.parse(text) as string);
  const came = [showwork.answersMatch(answer, reference), showwork.answersMatch(reference, answer)];
  return { came: came.join(), right: came.every((one) => one === want) };
}

/** 60 equations against the same in reverse order, the first time, as a person meets it; in time of the processor, which others share. */
function sixtyEquations({ showwork }: Tree): Outcome {
  const numbers = [...Array(60).keys()], start = cpuUsage();
  const equal = showwork.answersMatch(
    numbers.map((i) => `1+x+a=y+${i}+b`).join(),
    numbers.map((i) => `a+x+1=${59 - i}+y+b`).join(),
  );
  const { user, system } = cpuUsage(start), ms = (user + system) / 1000;
  return { came: `${equal} after ${ms.toFixed()} ms`, right: equal && ms <= 100 };
}

if (import.meta.main) {
  const [path, file] = Deno.args, tree = await openTree(path);
  const reports: Report[] = JSON.parse(await Deno.readTextFile(file));
  for (const [index, { input, want }] of reports.entries()) {
    let outcome = /^answersMatch of 60/.test(input) ? sixtyEquations(tree) : answers(tree, input, want);
    if (!outcome) {
      const replay = Object.entries(replays).find(([begins]) => input.startsWith(begins))?.[1];
      try {
        outcome = replay ? await replay(tree) : { came: "not tried", right: false };
      } catch (error) {
        outcome = { came: `${error}`, right: false };
      }
    }
    console.log(JSON.stringify({ index, ...outcome }));
  }
  Deno.exit();
}
