import assert from "node:assert/strict";
import { answersMatch } from "../../lib/answers/answers_match.ts";
import { formula, heavyLists, monsters, nonsense, processorTime, seeded } from "./hostile_answers.ts";

/** Reference, then spellings that say the same. */
const same: [string, string[]][] = [
  ["18", [
    "18",
    " 18 ",
    "18.",
    "+18",
    "18.0",
    "018",
    "$18",
    "\\$18",
    "18$",
    "$18$",
    "US$18",
    "18 USD",
    "€18",
    "18 €",
    "৳18",
    "Rs. 18",
    "18 dollars",
    "18 apples",
    "18\\text{ apples}",
    "18 km/h",
    "18 m^2",
    "18 m²",
    "18 square meters",
    "18cm",
    "18°",
    "18^\\circ",
    "18^{\\circ}",
    "18%",
    "18\\%",
    "18 percent",
    "36/2",
    "\\frac{36}{2}",
    "\\dfrac{36}{2}",
    "1.8e1",
    "1.8 \\times 10^{1}",
    "180 x 10^-1",
    "১৮",
    "١٨",
    "۱۸",
    "१८",
    "１８",
    "eighteen",
    "Eighteen.",
    "eighteen apples",
    "\\boxed{18}",
    "$\\boxed{18}$",
    "\\(18\\)",
    "\\[18\\]",
    "\\text{18}",
    "{18}",
    "(18)",
    "x = 18",
    "x=18",
    "The answer is 18.",
    "Answer: 18",
    "about 18",
    "10+8=18",
  ]],
  ["-3", [
    "−3",
    "–3",
    "- 3",
    "-3.0",
    "minus three",
    "negative 3",
    "-$3",
    "$-3",
    "-6/2",
    "\\frac{-6}{2}",
    "-\\frac{6}{2}",
    "−৩",
  ]],
  ["1234567", [
    "1,234,567",
    "12,34,567",
    "1 234 567",
    "1\u00a0234\u202f567",
    "1{,}234{,}567",
    "1,\\!234,\\!567",
    "1'234'567",
    "১২,৩৪,৫৬৭",
    "١٬٢٣٤٬٥٦٧",
    "$1,234,567.00",
    "1.234567e6",
    "1.234567 million",
    "12.34567 lakh",
  ]],
  ["0.75", [
    ".75",
    "3/4",
    "\\frac34",
    "\\tfrac{3}{4}",
    "¾",
    "75%",
    "75\\%",
    "three quarters",
    "three-fourths",
    "٠٫٧٥",
    "7.5e-1",
    "6/8",
  ]],
  ["2.75", [
    "2 3/4",
    "2¾",
    "2\\frac{3}{4}",
    "2 \\frac34",
    "2 and 3/4",
    "two and three quarters",
    "11/4",
    "\\frac{11}{4}",
  ]],
  ["1/3", [
    "\\frac{1}{3}",
    "2/6",
    "0.333",
    "0.3333",
    "a third",
    "one third",
    "0.\\overline{3}",
    "⅓",
    "1 over 3",
  ]],
  ["105", ["one hundred five", "one hundred and five", "a hundred and five"]],
  ["2500", ["two thousand five hundred", "twenty-five hundred", "2.5 thousand", "2.5 \\cdot 10^3"]],
  ["12", ["a dozen", "twelve", "one dozen", "12 eggs"]],
  ["0.5", ["half", "one half", "½", "50%", "50 %"]],
  ["0", ["zero", "0.0", "-0", "0%"]],
  ["5 km", ["5 km", "5km", "5 kilometers", "5000 m", "5"]],
  ["$0.50", ["50 cents", "0.5", "50¢", "0.50 dollars"]],
  ["x=5", ["5", "x = 5", "$x=5$"]],
  ["1,-2", ["-2, 1", "1, -2", "{1,-2}", "\\{-2,1\\}", "1 and -2", "x=1 or x=-2", "1; -2"]],
  ["3, 5, 7", ["7,5,3", "{3,5,7}", "3, 5, and 7"]],
  ["(3,4)", ["(3, 4)", "\\left(3,4\\right)", "3, 4", "(3.0, 8/2)"]],
  ["[-2,7]", ["x \\in [-2,7]", "x ∈ [−2, 7]", "\\left[-2,7\\right]"]],
  ["(-\\infty, 2) \\cup (3, \\infty)", ["(3,\\infty)\\cup(-\\infty,2)", "(-∞,2) ∪ (3,∞)"]],
  ["\\left( 3, \\frac{\\pi}{2} \\right)", ["(3, \\pi/2)", "(3,π/2)", "(3,\\dfrac{\\pi}{2})"]],
  ["3\\sqrt{13}", ["\\sqrt{117}", "3 \\sqrt{13}", "3*sqrt(13)", "\\sqrt{13}\\cdot 3"]],
  ["p - q", ["p-q", "-q+p", "-(q-p)"]],
  ["6+9i", ["9i+6", "6 + 9i", "3(2+3i)"]],
  ["x^2+2x+1", ["(x+1)^2", "x² + 2x + 1", "1+2x+x^2", "(x+1)(x+1)"]],
  ["\\cot x", ["\\cot(x)", "\\frac{\\cos x}{\\sin x}", "1/\\tan x", "cot x"]],
  ["1 \\pm \\sqrt{19}", ["1-\\sqrt{19}, 1+\\sqrt{19}", "1±\\sqrt{19}", "x = 1 \\pm \\sqrt{19}"]],
  ["52_8", ["52_{8}", "$52_8$"]],
  ["1024", ["2^{10}", "2^10", "\\sqrt{1048576}", "4^5"]],
  ["\\begin{pmatrix} -1/3 \\\\ 2/3 \\end{pmatrix}", [
    "\\begin{bmatrix}-\\frac13\\\\ \\frac23\\end{bmatrix}",
    "(-1/3, 2/3)",
  ]],
  ["\\text{Evelyn}", ["Evelyn", "evelyn.", "\\textbf{Evelyn}", '"Evelyn"']],
  ["Paris", ["paris", "Paris!", " Paris. "]],
  ["(A)", ["A", "a", "\\text{(A)}", "A."]],
  ["the Nile", ["Nile", "The Nile"]],
  ["3:4", ["3 : 4"]],
  ["18.50", ["18 dollars and 50 cents", "$18.50"]],
  ["2.5 hours", ["2 hours 30 minutes", "2 hours and 30 minutes", "150 minutes", "2½ hours"]],
  ["1234.56", ["1.234,56", "1,234.56", "$1,234.56"]],
  ["7", ["৭টি", "৭ টাকা", "**7**", "`7`", "$\\$7$", "5 + 2 = 7"]],
  ["12\\pi", ["12\\pi \\text{ cm}^2", "12π cm", "12\\pi \\text{ square units}", "\\frac{24\\pi}{2}"]],
  ["x \\le 5", ["x ≤ 5", "5 \\geq x", "x \\leq 5"]],
  ["\\emptyset", ["∅", "\\{\\}", "\\varnothing"]],
  ["\\log_2 3", ["\\log_{2} 3", "\\frac{\\ln 3}{\\ln 2}"]],
  ["\\arctan 2", ["\\tan^{-1}(2)", "arctan(2)"]],
];

/** Answer and reference that look alike and say something else. */
const different: [string, string][] = [
  ["", ""],
  ["", "18"],
  [" ", " "],
  ["18", ""],
  ["$$", "$$"],
  ["\\boxed{}", "\\boxed{}"],
  [".", "."],
  ["e", "blue"],
  ["blue", "e"],
  ["18 and 19", "1819"],
  ["18 and 19", "18"],
  ["18 19", "1819"],
  ["18, 19", "18"],
  ["18 or 19", "18"],
  ["-3", "3"],
  ["3", "-3"],
  ["--3", "3"],
  ["18", "180"],
  ["1.8", "18"],
  ["1.2.3", "1.23"],
  ["1e3", "13"],
  ["3/4/5", "3/4"],
  ["1/0", "1"],
  ["1,00,0", "1000"],
  ["not 18", "18"],
  ["18 is wrong", "18"],
  ["18 minus 3", "18"],
  ["18 million", "18"],
  ["5 hundred", "5"],
  ["5 squared", "5"],
  ["5!", "5"],
  ["5 km", "5 m"],
  ["5 apples", "5 oranges"],
  ["5 am", "5 pm"],
  ["$5", "5 euros"],
  ["A", "1"],
  ["a dog", "1"],
  ["third", "1/3"],
  ["four-leaf clover", "4"],
  ["six seven", "67"],
  ["eighteen and nineteen", "37"],
  ["3:4", "34"],
  ["0.33", "1/3"],
  ["0.3334", "1/3"],
  ["50", "0.5"],
  ["2k", "2"],
  ["2", "2k+2"],
  ["6i", "6"],
  ["2+2=8", "8"],
  ["52", "52_8"],
  ["42", "52_8"],
  ["(1,2)", "[1,2]"],
  ["(1,2]", "(1,2)"],
  ["(2,1)", "(1,2)"],
  ["{1,2}", "(1,2)"],
  ["1,2", "1,2,2"],
  ["1,2,2", "1,1,2"],
  ["x+1", "x-1"],
  ["x", "y"],
  ["|x|", "x"],
  ["\\sqrt{x^2}", "x"],
  ["2^{60}", "1152921504606846977"],
  ["12345678901234567890", "12345678901234567891"],
  ["Paris or London", "Paris"],
  ["Par", "Paris"],
  ["yes", "no"],
  ["x<5", "x>5"],
  ["x<5", "x\\le 5"],
  ["2 hours 30 minutes", "2.3 hours"],
  ["18 dollars and 50 cents", "68"],
  ["18 dollars and 50 cents", "18"],
  ["1.234", "1234"],
  ["\\emptyset", "0"],
  ["12\\pi cm", "12\\pi km"],
];

Deno.test("answersMatch() knows each spelling as the same answer", () => {
  for (const [reference, spellings] of same) {
    for (const spelling of spellings) {
      assert.ok(
        answersMatch(spelling, reference),
        `${JSON.stringify(spelling)} is ${JSON.stringify(reference)}`,
      );
    }
  }
});

Deno.test("answersMatch() tells apart what only looks alike, either way round", () => {
  for (const [answer, reference] of different) {
    assert.ok(
      !answersMatch(answer, reference),
      `${JSON.stringify(answer)} is not ${JSON.stringify(reference)}`,
    );
    assert.ok(
      !answersMatch(reference, answer),
      `${JSON.stringify(reference)} is not ${JSON.stringify(answer)}`,
    );
  }
});

Deno.test("answersMatch() wants a number worked out where the reference is one, not where it is an expression", () => {
  assert.ok(!answersMatch("10+8", "18"));
  assert.ok(!answersMatch("3*6", "18"));
  assert.ok(answersMatch("18", "10+8"));
});

Deno.test("answersMatch() never takes the answer of one case for that of another", () => {
  const references = same.map(([reference]) => reference);
  // Units are decoration where the other side has none.
  const equal = new Set(["0.5|$0.50", "$0.50|0.5", "5 km|x=5", "x=5|5 km"]);
  for (const [reference, spellings] of same) {
    for (const other of references) {
      if (other === reference || equal.has(`${reference}|${other}`)) continue;
      for (const spelling of spellings) {
        assert.ok(
          !answersMatch(spelling, other),
          `${JSON.stringify(spelling)} is not ${JSON.stringify(other)}`,
        );
      }
    }
  }
});

interface Fuzz {
  tried: number;
  slowest: number;
  input: string;
  failures: number;
}

function fuzz(inputs: Iterable<[string, string]>, milliseconds: number): Fuzz {
  const result: Fuzz = { tried: 0, slowest: 0, input: "", failures: 0 };
  const end = performance.now() + milliseconds;
  for (const [answer, reference] of inputs) {
    const compare = () => {
      try {
        answersMatch(answer, reference);
      } catch (error) {
        result.failures++;
        console.log(`  threw ${error} on ${JSON.stringify(answer.slice(0, 100))}`);
      }
    };
    let took = processorTime(compare);
    // Once more: V8 compiles and collects meanwhile.
    if (took > 50) took = Math.min(took, processorTime(compare));
    result.tried++;
    if (took > result.slowest) {
      result.slowest = took;
      result.input = `${JSON.stringify(answer.slice(0, 60))} (${answer.length}) against ${
        JSON.stringify(reference.slice(0, 60))
      }`;
    }
    if (performance.now() > end) break;
  }
  return result;
}

function* against(texts: Iterable<string>): Generator<[string, string]> {
  for (const text of texts) {
    yield [text, "18"];
    yield [text, "\\frac{x}{2}"];
    yield ["x^2", text];
    yield [text, text + " "];
    yield [text, "1, 2"];
  }
}

function* random(seed: number): Generator<[string, string]> {
  const next = seeded(seed);
  while (true) {
    yield [nonsense(next), nonsense(next)];
    yield [nonsense(next), "2x+1"];
    yield [formula(next), formula(next)];
    yield [formula(next), "18"];
  }
}

Deno.test("answersMatch() takes less than 100 ms on any input and never throws", () => {
  const seconds = Number(Deno.env.get("SHOWWORK_FUZZ_SECONDS") ?? 2.5);
  const kinds = [["monsters", against(monsters())], ["heavy lists", heavyLists()], [
    "random",
    random(20),
  ]] as const;
  for (const [name, inputs] of kinds) {
    const { tried, slowest, input, failures } = fuzz(inputs, name === "random" ? 1000 * seconds : 60_000);
    console.log(
      `  ${name}: ${tried} inputs, slowest ${slowest.toFixed(1)} ms on ${input}, failures ${failures}`,
    );
    assert.equal(failures, 0);
    assert.ok(slowest < 100, `${slowest} ms on ${input}`);
  }
});

const shared = Deno.env.get("SHOWWORK_SHARED");
const lines = async (name: string) =>
  (await Deno.readTextFile(`${shared}/datasets/${name}`)).trim().split("\n").map((line) => JSON.parse(line));

const words =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
    .split(" ");
const tens = "- - twenty thirty forty fifty sixty seventy eighty ninety".split(" ");
function inWords(n: number): string {
  if (n < 20) return words[n];
  if (n < 100) return tens[Math.floor(n / 10)] + (n % 10 ? "-" + words[n % 10] : "");
  if (n < 1000) return `${words[Math.floor(n / 100)]} hundred${n % 100 ? " and " + inWords(n % 100) : ""}`;
  return `${inWords(Math.floor(n / 1000))} thousand${n % 1000 ? " " + inWords(n % 1000) : ""}`;
}

/** Spellings of a decimal such as `-1234.5`. */
function spellings(plain: string): string[] {
  const negative = plain.startsWith("-"), [whole, decimals = ""] = plain.replace("-", "").split(".");
  const signed = (text: string) => (negative ? "-" : "") + text, tail = decimals && "." + decimals;
  const western = whole.replace(/\B(?=(\d{3})+$)/g, ","),
    indian = whole.replace(/\B(?=(\d{2})*\d{3}$)/g, ",");
  const other = (zero: number) => plain.replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit)));
  const scaled = BigInt(whole + decimals) * 7n, under = 7n * 10n ** BigInt(decimals.length);
  const result = [
    plain,
    plain.replace("-", "−"),
    signed(western + tail),
    signed(indian + tail),
    signed(western.replaceAll(",", "\u202f") + tail),
    signed(western.replaceAll(",", "{,}") + tail),
    signed("$" + western + tail),
    plain + " dollars",
    plain + " apples",
    plain + "%",
    plain + "\\text{ km}",
    `\\boxed{${plain}}`,
    `$${plain}$`,
    plain + (decimals ? "0" : ".00"),
    other(0x09e6),
    other(0x0660).replace(".", "٫"),
    signed(`${scaled}/${under}`),
    signed(`\\frac{${scaled}}{${under}}`),
    Number(plain).toExponential(),
    `${Number(plain).toExponential().replace("e", " \\times 10^{").replace("+", "")}}`,
    `The answer is ${plain}.`,
    `x = ${plain}`,
  ];
  if (!decimals && Number(whole) < 1_000_000) {
    result.push((negative ? "minus " : "") + inWords(Number(whole)));
  }
  if (decimals && whole !== "0") {
    result.push(signed(`${whole} ${decimals}/1${"0".repeat(decimals.length)}`));
    result.push(signed(`${whole}\\frac{${decimals}}{1${"0".repeat(decimals.length)}}`));
  }
  return result;
}

Deno.test({
  name: "all 7,473 GSM8K references match themselves in every spelling and never a different number",
  ignore: !shared,
  fn: async () => {
    const references = (await lines("gsm8k_train.jsonl")).map(({ answer }) =>
      answer.split("####")[1].trim() as string
    );
    assert.equal(references.length, 7473);
    const values = [...new Set(references.map((reference) => reference.replaceAll(",", "")))];
    let matched = 0, refused = 0;
    for (const reference of references) {
      const plain = reference.replaceAll(",", "");
      for (const spelling of spellings(plain)) {
        assert.ok(answersMatch(spelling, reference), `${spelling} is ${reference}`);
        matched++;
      }
    }
    const next = seeded(4);
    for (const reference of values) {
      const value = Number(reference);
      const near = [
        -value,
        value + 1,
        value - 1,
        value * 10,
        value / 10,
        value + 0.5,
        Number(String(value) + "1"),
      ];
      for (let i = 0; i < 20; i++) near.push(Number(values[Math.floor(next() * values.length)]));
      for (const other of near) {
        if (other === value || !Number.isFinite(other) || /e/.test(String(other))) continue;
        for (const spelling of spellings(String(other))) {
          // 1800 % is the number 18 written otherwise; everything else is a different number.
          if (spelling.endsWith("%") && Math.abs(other - 100 * value) < 1e-9) continue;
          assert.ok(!answersMatch(spelling, reference), `${spelling} is not ${reference}`);
          refused++;
        }
      }
    }
    console.log(
      `  ${matched} spellings of ${references.length} references matched, ${refused} of other numbers refused`,
    );
  },
});

Deno.test({
  name: "the MATH-500 sample's answers match themselves and their common LaTeX variants, and not each other",
  ignore: !shared,
  fn: async () => {
    const answers = (await lines("math500_sample100.jsonl")).map(({ answer }) => answer as string);
    const variants = (answer: string) =>
      [
        answer,
        `$${answer}$`,
        `\\boxed{${answer}}`,
        `\\(${answer}\\)`,
        `\\[ ${answer} \\]`,
        `$\\boxed{${answer}}$.`,
        answer.replaceAll("\\frac", "\\dfrac"),
        answer.replaceAll("\\frac", "\\tfrac"),
        answer.replace(/\\left|\\right/g, ""),
        answer.replaceAll(" ", ""),
        answer.replace(/([+,-])/g, " $1 "),
        answer.replace(/\\frac\{(\d)\}\{(\d)\}/g, "\\frac$1$2"),
        answer.replace(/\\sqrt\{(\d)\}/g, "\\sqrt$1"),
        answer.replace(/_(\d)/g, "_{$1}"),
        answer.replace(/\^(\d)/g, "^{$1}"),
        answer.replace(/\\text\{(.*)\}/, "$1"),
        answer.replace(/\\pi/g, "π"),
        answer.replace(/-/g, "−"),
      ].map((variant) => variant.replace(/\\(cot|pi|in)(?=[a-zA-Z])/g, "\\$1 "));
    let matched = 0, pairs = 0;
    const alike: string[] = [];
    for (const answer of answers) {
      for (const variant of variants(answer)) {
        assert.ok(answersMatch(variant, answer), `${variant} is ${answer}`);
        matched++;
      }
      for (const other of answers) {
        if (answer === other) continue;
        pairs++;
        if (answersMatch(answer, other)) alike.push(`${answer} = ${other}`);
      }
    }
    console.log(
      `  ${matched} variants of ${answers.length} answers matched; of ${pairs} pairs these say the same: ${alike}`,
    );
    assert.deepEqual(
      alike.sort(),
      ["5 = x=5", "5 = x=5", "5 = x=5", "5 = x=5", "x=5 = 5", "x=5 = 5", "x=5 = 5", "x=5 = 5"].sort(),
    );
  },
});
