import assert from "node:assert/strict";
import { answersMatch } from "../../lib/answers/answers_match.ts";
import { processorTime } from "./hostile_answers.ts";

/** Inputs from public bug reports of other checkers (Math-Verify, open-r1, lm-evaluation-harness and others), by kind. */
const reports: Record<string, [answer: string, reference: string, same: boolean][]> = {
  "tiny values all equal (false positive)": [
    ["\\frac{1}{2^{98}}", "\\frac{1}{2^{99}}", false],
    ["10^{-20}", "0", false],
    ["(0.5)^{60}", "0.5^{61}", false],
    ["e^{-50}", "e^{-60}", false],
    ["6.63/10^{34}", "6.626\\times 10^{-34}", false],
  ],
  "raised/lowered characters flattened by NFKC (false positive and miss)": [
    ["52₈", "528", false],
    ["2ⁿ", "2n", false],
    ["②③", "23", false],
    ["1101₂", "1101_2", true],
    ["xⁿ⁺¹", "x^{n+1}", true],
    ["log₂3", "\\log_2 3", true],
  ],
  "letter case of SI units ignored (false positive)": [
    ["5 MW", "5 mW", false],
    ["3 Mb", "3 MB", false],
  ],
  "exact value above 2^53 against an equal expression": [
    ["1267650600228229401496703205376", "2^{100}", true],
    ["20!", "2432902008176640000", true],
    ["4^{50}", "2^{100}", true],
  ],
  "functions defined on part of the line never match an equal form (n!, binom, arcsin, ln of a product)": [
    ["\\binom{n}{2}", "\\frac{n(n-1)}{2}", true],
    ["(n+1)!", "(n+1)n!", true],
    ["\\sin^{-1}x", "\\arcsin x", true],
    ["\\sqrt{1/n}", "\\frac{1}{\\sqrt{n}}", true],
  ],
  "relations: interval = inequality, equation = its rearrangement, set algebra": [
    ["(0, 12.5)", "0 < x < 12.5", true],
    ["(-\\infty, 3)", "x<3", true],
    ["7 > x > -2", "-2 < x < 7", true],
    ["2x+4y-3=0", "y=-\\frac12 x+\\frac34", true],
    ["-34x-45y+20z-100=0", "34x+45y-20z+100=0", true],
    ["\\{1,3\\} \\cup \\{2,4\\}", "\\{1,2,3,4\\}", true],
  ],
  "digits of other scripts": [
    ["౧౮", "18", true],
    ["๑๘", "18", true],
    ["௧௮", "18", true],
    ["十八", "18", true],
  ],
  "invisible characters": [
    ["18\u200b", "18", true],
    ["\u200e18\u200f", "18", true],
    ["۱۸\u200cتا", "18", true],
  ],
  "Unicode mathematics that has a LaTeX spelling": [
    ["10 - 2√5", "10 - 2\\sqrt{5}", true],
    ["2θ", "2\\theta", true],
    ["ℝ", "\\mathbb{R}", true],
    ["A ∩ B", "A \\cap B", true],
    ["x→∞", "x \\to \\infty", true],
  ],
  "dressing around the answer": [
    ["18**", "18", true],
    ["Answer: `$13$`", "13", true],
    ["**Answer:** 18", "18", true],
    ["Therefore, the answer is \\boxed{18}", "18", true],
    ["#### 18", "18", true],
    ["\\underline{18}", "18", true],
    ["18~\\text{cm}", "18 cm", true],
    ["{1 \\over 2}", "0.5", true],
    ["\\nicefrac{1}{2}", "0.5", true],
  ],
  "multiple choice with the option's text": [
    ["B)", "B", true],
    ["\\textbf{(B) }24", "B", true],
    ["Option B", "B", true],
    ["A and C", "A,C", true],
  ],
  "clock times and dates": [
    ["3:30PM", "3:30 PM", true],
    ["3:30 p.m.", "3:30 PM", true],
    ["15:30", "3:30 PM", true],
    ["5 May 2023", "May 5, 2023", true],
  ],
  "ordinary units and magnitudes": [
    ["5 square meters", "5 m²", true],
    ["$5k", "5000", true],
    ["2 dozen", "24", true],
    ["R$ 500", "500", true],
    ["30 mph", "30 miles per hour", true],
  ],
  "decimal comma": [
    ["18,50 €", "18.5", true],
    ["0,75", "0.75", true],
  ],
};

for (const [kind, cases] of Object.entries(reports)) {
  Deno.test(`answersMatch() on public reports: ${kind}`, () => {
    for (const [answer, reference, same] of cases) {
      assert.equal(
        answersMatch(answer, reference),
        same,
        `${JSON.stringify(answer)}, ${JSON.stringify(reference)}`,
      );
      assert.equal(
        answersMatch(reference, answer),
        same,
        `${JSON.stringify(reference)}, ${JSON.stringify(answer)}`,
      );
    }
  });
}

Deno.test("answersMatch() compares 60 equations in reverse order within 100 ms", () => {
  const numbers = [...Array(60).keys()];
  const answer = numbers.map((i) => `1+x+${i}=y+i+b`).join(),
    reference = numbers.map((i) => `${i}+x+1=i+y+b`);
  let same = false;
  const took = processorTime(() => same = answersMatch(answer, reference.reverse().join()));
  assert.ok(same);
  assert.ok(Math.min(took, processorTime(() => answersMatch(answer, reference.join()))) < 100, `${took} ms`);
});
