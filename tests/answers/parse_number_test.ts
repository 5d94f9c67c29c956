import assert from "node:assert/strict";
import { parseNumberWords } from "../../lib/answers/number_words.ts";
import { parseNumber } from "../../lib/answers/parse_number.ts";
import { readUnit } from "../../lib/answers/read_unit.ts";

Deno.test("parseNumber() gives the exact fraction and what is written around it", () => {
  const cases: [string, bigint, bigint, string | null, boolean][] = [
    ["$1,234.50", 123450n, 100n, "$", false],
    ["-12,34,567 km", -1234567n, 1n, "km", false],
    ["1 3/4 cups", 7n, 4n, "cup", false],
    ["12.5%", 125n, 10n, null, true],
    ["6.02e23", 602n * 10n ** 23n, 100n, null, false],
    ["2 \\frac{1}{3}", 7n, 3n, null, false],
    ["0.\\overline{142857}", 142857n, 999999n, null, false],
    ["2 hours 30 minutes", 150n, 60n, "h", false],
    ["three and a half miles", 7n, 2n, "mi", false],
    ["1.5 million dollars", 15000000n, 10n, "$", false],
  ];
  for (const [text, numerator, denominator, unit, percent] of cases) {
    const found = parseNumber(text);
    assert.ok(found, text);
    assert.equal(found.numerator * denominator, numerator * found.denominator, text);
    assert.ok(found.denominator > 0n, text);
    assert.deepEqual([found.unit, found.percent], [unit, percent], text);
  }
});

Deno.test("parseNumber() is null where the text is more or less than one number", () => {
  for (
    const text of [
      "",
      "$",
      "km",
      "1.2.3",
      "18 and 19",
      "1/0",
      "2k",
      "6i",
      "3 - 1",
      "1,00,0",
      "18 is wrong",
      "e",
      "-",
    ]
  ) {
    assert.equal(parseNumber(text), null, JSON.stringify(text));
  }
});

Deno.test("parseNumberWords() reads numbers and only numbers", () => {
  const cases: Record<string, [bigint, bigint] | null> = {
    "one hundred and five": [105n, 1n],
    "two million three hundred thousand and one": [2_300_001n, 1n],
    "twenty-five hundred": [2500n, 1n],
    "minus three point one four": [-314n, 100n],
    "two and three quarters": [11n, 4n],
    "five dozen": [60n, 1n],
    "one two": null,
    "twenty eleven": null,
    "five and six": null,
    "thousand five": null,
    "three thousand million": null,
    "third": null,
    "a": null,
    "and": null,
  };
  for (const [words, value] of Object.entries(cases)) assert.deepEqual(parseNumberWords(words), value, words);
});

Deno.test("readUnit() tells units from variables and from other numbers", () => {
  assert.equal(readUnit("kilometers", false), "km");
  assert.equal(readUnit("hair clips", false), "hair clip");
  assert.equal(readUnit("km", true), "km");
  assert.equal(readUnit("k", true), undefined);
  assert.equal(readUnit("x", false), undefined);
  assert.equal(readUnit("and 19", false), undefined);
  assert.equal(readUnit("squared", false), undefined);
});
