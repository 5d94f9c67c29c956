/**
 * How often answersMatch and Math-Verify accept right and wrong spellings of MATH-500's references, and how often they agree.
 *
 *     deno run -A tests/bench/math_verify_agreement.ts math500_sample100.jsonl [python]
 *
 * The python needs math-verify; each line of the file has an `answer`. Prints what ours gets wrong.
 */
import { answersMatch } from "../../lib/answers/answers_match.ts";

interface Case {
  reference: string;
  answer: string;
  right: boolean;
}

const [file, python = "python3"] = Deno.args;
const references = (await Deno.readTextFile(file)).trim().split("\n").map((line) =>
  JSON.parse(line).answer as string
);

const spaced = (text: string) => text.replace(/\\(cot|pi|circ|pm)(?=[a-zA-Z])/g, "\\$1 ");
const braced = (text: string) =>
  text.replace(/\\sqrt(\d)/g, "\\sqrt{$1}").replace(/\\(?:left|right)|\\text\{([^}]*)\}/g, "$1");
const typed = (text: string) =>
  braced(text).replace(/\\sqrt\{([^{}]*)\}/g, "sqrt($1)").replace(
    /\\frac\{([^{}]*)\}\{([^{}]*)\}/g,
    "($1)/($2)",
  )
    .replace(/\\pi/g, "pi").replace(/\\cot/g, "cot").replace(/\^\\circ/g, "°").replace(/\\pm/g, "±");
const unicode = (text: string) =>
  braced(text).replace(/\\sqrt\{([^{}]*)\}/g, "√$1").replace(/\\frac\{([^{}]*)\}\{([^{}]*)\}/g, "($1)/($2)")
    .replace(/\\pi/g, "π").replace(/\\cot/g, "cot").replace(/\^\\circ/g, "°").replace(/\\pm/g, "±")
    .replace(/-/g, "−").replace(/\^([2-5])/g, (_, digit) => "⁰¹²³⁴⁵"[digit]).replace(
      /_([89])/g,
      (_, d) => d === "8" ? "₈" : "₉",
    );
const isMatrix = (text: string) => text.includes("pmatrix");

/** The same value in another form, where there is an ordinary one. */
function otherForm(text: string): string {
  if (/^-?\d+$/.test(text)) return `${text}.0`;
  if (/^\\frac\{\d+\}\{\d+\}$/.test(text)) {
    return text.replace(/\d+/g, (digits) => String(2 * Number(digits)));
  }
  return `$${text.replaceAll("\\frac", "\\tfrac").replace(/ /g, "  ")}$`;
}

function rightSpellings(text: string): string[] {
  return [
    text,
    `$${text}$`,
    `\\boxed{${text}}`,
    `The answer is $${text}$.`,
    `\\[ ${text.replaceAll("\\frac", "\\dfrac")} \\]`,
    `**$${text}$**`,
    `Therefore, the final answer is $\\boxed{${text}}$.`,
    isMatrix(text) ? text.replaceAll("pmatrix", "bmatrix") : typed(text),
    isMatrix(text) ? `$$${text}$$` : unicode(text),
    otherForm(text),
  ].map(spaced);
}

function wrongSpellings(text: string, next: string): string[] {
  const word = /^\\text/.test(text), list = text.includes(",");
  if (word) return ["\\text{West}", `not ${braced(text)}`, "Eve", "7"];
  const result = [next, `\\boxed{${next}}`];
  if (/\d/.test(text)) {
    result.push(text.replace(/\d+/, (digits) => String(Number(digits) + 1)));
    result.push(text.replace(/\d+/, (digits) => `1${digits}`));
  } else result.push(`2(${text})`);
  if (!list && !isMatrix(text) && text !== "0" && !text.includes("=") && !/_\d/.test(text)) {
    result.push(`-(${text})`);
    if (!text.includes("\\pm")) result.push(`${text} + 10^{-12}`);
  }
  const swapped = /^(.*\()(.*),(.*)(\).*)$/.exec(text.replace(/\\(?:left|right)/g, ""));
  if (swapped) result.push(`${swapped[1]}${swapped[3]},${swapped[2]}${swapped[4]}`);
  return result;
}

const same = new Set(["5|x=5", "x=5|5"]);
const cases: Case[] = references.flatMap((reference, i) => {
  const next = references.slice(i + 1).concat(references).find((other) =>
    other !== reference && !same.has(`${reference}|${other}`)
  )!;
  return [
    ...rightSpellings(reference).map((answer) => ({ reference, answer, right: true })),
    ...wrongSpellings(reference, next).map((answer) => ({ reference, answer, right: false })),
  ];
});

const input = await Deno.makeTempFile({ suffix: ".json" });
await Deno.writeTextFile(input, JSON.stringify(cases));
const script = new URL("math_verify_agreement.py", import.meta.url).pathname;
const { code, stdout, stderr } = await new Deno.Command(python, { args: [script, input] }).output();
await Deno.remove(input);
if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
const theirs: { plain: boolean; dollars: boolean }[] = JSON.parse(new TextDecoder().decode(stdout));

const start = performance.now();
const ours = cases.map(({ answer, reference }) => answersMatch(answer, reference));
const took = performance.now() - start;

const count = (of: (one: Case, i: number) => boolean) => cases.filter(of).length;
const rights = count(({ right }) => right), wrongs = cases.length - rights;
const row = (name: string, verdict: (i: number) => boolean) => {
  const accepted = count(({ right }, i) => right && verdict(i));
  const taken = count(({ right }, i) => !right && verdict(i));
  const agreed = count((_, i) => verdict(i) === ours[i]);
  console.log(
    `| ${name} | ${accepted} of ${rights} | ${taken} of ${wrongs} | ${
      (100 * agreed / cases.length).toFixed(1)
    } % |`,
  );
};
console.log("| checker | right accepted | wrong accepted | agrees with ours |\n| --- | --- | --- | --- |");
row("answersMatch", (i) => ours[i]);
row("Math-Verify, as written", (i) => theirs[i].plain);
row("Math-Verify, in dollars where there are none", (i) => theirs[i].dollars);
console.log(`\n${cases.length} comparisons of ours took ${took.toFixed(0)} ms`);
for (const [i, { answer, reference, right }] of cases.entries()) {
  if (ours[i] !== right) {
    console.log(
      `ours ${right ? "refuses" : "accepts"} ${JSON.stringify(answer)} for ${JSON.stringify(reference)}`,
    );
  } else if (!right && (theirs[i].plain || theirs[i].dollars)) {
    console.log(`Math-Verify accepts ${JSON.stringify(answer)} for ${JSON.stringify(reference)}`);
  }
}
