import assert from "node:assert/strict";
import { checkArithmetic } from "../../lib/answers/check_arithmetic.ts";

const cases: [string, ...[equation: string, holds: boolean][]][] = [
  ["She has 5 + 3 = 8 eggs.", ["5 + 3 = 8", true]],
  ["She has 5+3=9 eggs.", ["5+3=9", false]],
  ["6 apples + 2 apples = 8 apples", ["6 apples + 2 apples = 8", true]],
  ["5 red apples + 3 green pears = 9 pieces of fruit", ["5 red apples + 3 green pears = 9", false]],
  ["2 + 3 × 4 = 14, and (2 + 3) * 4 = 14", ["2 + 3 × 4 = 14", true], ["(2 + 3) * 4 = 14", false]],
  ["3 + 4 = 7 - 2 = 5", ["3 + 4 = 7 - 2", false], ["7 - 2 = 5", true]],
  ["$1,200 × 15% = $180", ["$1,200 × 15% = $180", true]],
  ["20% of 50 = 10", ["20% of 50 = 10", true]],
  [
    "10 / 50 = 20%; 10 / 50 × 100 = 20%; 10 / 50 = 2%",
    ["10 / 50 = 20%", true],
    ["10 / 50 × 100 = 20%", true],
    ["10 / 50 = 2%", false],
  ],
  ["10 / 3 = 3.33, 10 / 3 = 3.34", ["10 / 3 = 3.33", true], ["10 / 3 = 3.34", false]],
  ["7 / 2 = 3 and 7 / 2 ≈ 4", ["7 / 2 = 3", false], ["7 / 2 ≈ 4", true]],
  ["0.1 + 0.2 = 0.3", ["0.1 + 0.2 = 0.3", true]],
  ["3 − 5 = −2 and 3 - 5 = -3", ["3 − 5 = −2", true], ["3 - 5 = -3", false]],
  ["-4 + 6 = 2", ["-4 + 6 = 2", true]],
  ["3 x 4 = 12, 3x4=11", ["3 x 4 = 12", true], ["3x4=11", false]],
  ["60 km/h * 2 h = 120 km", ["60 km/h * 2 h = 120", true]],
  ["Step 1: 5 + 3 = 8. Step 2: 8 * 2 = 15.", ["5 + 3 = 8", true], ["8 * 2 = 15", false]],
  ["1) 5 + 3 = 8\n2) 8 - 1 = 7\n- 7 + 1 = 8", ["5 + 3 = 8", true], ["8 - 1 = 7", true], ["7 + 1 = 8", true]],
  ["In 2 days 5 + 3 = 8", ["5 + 3 = 8", true]],
  ["seven times: 7 times 8 equals 56", ["7 times 8 equals 56", true]],
  ["৫ + ৩ = ৯", ["৫ + ৩ = ৯", false]],
  ["x = 5 + 3 = 8", ["5 + 3 = 8", true]],
  // No equation with numbers alone: nothing may be said of these.
  ["2x + 3 = 11, 2x -3 = 7, x2 + 1 = 4"],
  ["On 2020-05-03 at 9:30 it was = 5. 8 = 8. The answer is 18."],
  ["5 + = 3, (5 + 3 = 8, 5 / 0 = 0, 5 + 3 ="],
  [""],
];

for (const [text, ...expected] of cases) {
  Deno.test(`checkArithmetic() works out ${JSON.stringify(text)}`, () => {
    assert.deepEqual(checkArithmetic(text).map((equation) => [equation.text, equation.holds]), expected);
  });
}

Deno.test("checkArithmetic() gives the value and the claim", () => {
  assert.deepEqual(checkArithmetic("so (12 - 4) / 2 = 5 cats"), [{
    text: "(12 - 4) / 2 = 5",
    value: 4,
    claimed: 5,
    holds: false,
  }]);
});

Deno.test("checkArithmetic() stays fast on long texts without an equation", () => {
  const begin = performance.now();
  checkArithmetic("3 apples ".repeat(5000) + "(((((".repeat(2000) + "1+".repeat(5000));
  assert.ok(performance.now() - begin < 1000);
});
