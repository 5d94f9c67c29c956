import process from "node:process";

/** What something takes of the processor, in ms, whatever else the machine does. */
export function processorTime(run: () => unknown): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** A small seeded generator (mulberry32), so that a slow input can be found again. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pieces =
  ("0|1|18|1,000|3.14|-|+|*|/|^|_|=|(|)|[|]|{|}|\\{|\\}|,|;| |.|:|!|'|\"|%|$|°|e|i|x|y|n|E|and|or|half|one|hundred|point|" +
    "minus|the|km|apples|\\frac|\\frac{1}{2}|\\sqrt|\\sqrt{2}|\\pi|\\sin|\\log_|\\text{|\\boxed{|\\left(|\\right)|\\left|\\right|" +
    "\\begin{pmatrix}|\\end{pmatrix}|\\\\|&|\\pm|\\cup|\\infty|\\in|\\binom|\\overline{|\\,|\\!|\\|||€|৳|১৮|٣|−|½|²|x^{|_{|^{-1}|" +
    "e^{x}|(x+1)|2x|\\cdot |\\alpha|\\operatorname{|\\int|\\sum_{|\\lim|\\mathbb{R}|😀|\u0000|\u200b|é|10^|x10^|sqrt(|ln |pi")
    .split("|").concat("|", "|x|");

/** Texts that once cost parsers dear: long, deep, repeated, and shaped against backtracking. */
export function* monsters(size = 1_000_000, depth = 10_000): Generator<string> {
  for (
    const unit of [
      "1",
      " ",
      "1,",
      "1,000,",
      "\\",
      "{",
      "}",
      "(",
      "|",
      "$",
      "^",
      "_",
      "-",
      "e",
      "1e",
      "a ",
      "and ",
      "0.",
      "²",
      "½",
      "\\frac{",
      "\\text{",
      "\\boxed{",
      "\\left(",
      "\\sqrt",
      "\\\\",
      "&",
      "=",
      "!",
      "'",
      "%",
      "১",
      "\u0000",
      "😀",
      "x^",
      "one ",
    ]
  ) {
    yield unit.repeat(Math.ceil(size / unit.length));
    yield unit.repeat(Math.floor(1990 / unit.length)); // just below the cap, so that every later step sees it
    yield unit.repeat(Math.floor(195 / unit.length)); // and just below the expressions'
    yield unit.repeat(Math.floor(85 / unit.length));
    yield `${unit.repeat(Math.floor(700 / unit.length))}!x`;
  }
  const nests = [["(", ")"], ["{", "}"], ["[", "]"], ["\\{", "\\}"], ["\\frac{1}{", "}"], ["\\sqrt{", "}"], [
    "\\boxed{",
    "}",
  ]];
  nests.push(["\\left(", "\\right)"], ["|", "|"], ["x^{", "}"], ["(1,", ")"], ["\\text{", "}"], [
    "sqrt(",
    ")",
  ], ["-(", ")"]);
  for (const [open, close] of nests) {
    for (const levels of [8, 9, 10, 20, 60, 300, depth]) {
      yield open.repeat(levels) + "18" + close.repeat(levels);
      yield open.repeat(levels) + "18";
      yield "18" + close.repeat(levels);
    }
  }
  for (
    const power of [
      "9^{9^{9^{9}}}",
      "9^9^9",
      "10^{400}",
      "1e400",
      "1e-400",
      "1e9999",
      "170!",
      "171!",
      "\\binom{1000000}{3}",
    ]
  ) yield power;
  yield "\\sum_{i=1}^{1000000000} i";
  yield "2^{100000000}";
  yield "1/" + "0".repeat(390) + "1";
  yield "9".repeat(399) + "/" + "7".repeat(399);
}

/** Pieces of answers in random order: mostly nonsense, sometimes mathematics. */
export function nonsense(random: () => number): string {
  const count = 1 + Math.floor(random() ** 2 * 60);
  let text = "";
  for (let i = 0; i < count; i++) {
    const piece = pieces[Math.floor(random() * pieces.length)];
    text += random() < 0.03 ? piece.repeat(1 + Math.floor(random() * 40)) : piece;
  }
  return text;
}

/** Well-formed mathematics at random, so that the parser behind the screen is reached. */
export function formula(random: () => number, depth = 0): string {
  const pick = (...choices: (() => string)[]) => choices[Math.floor(random() * choices.length)]();
  if (depth > 4 || random() < 0.3) {
    return pick(() => "x", () => "y", () => String(Math.floor(random() * 20)), () => "\\pi", () => "i");
  }
  const inner = () => formula(random, depth + 1);
  return pick(
    () => `${inner()}+${inner()}`,
    () => `${inner()}-${inner()}`,
    () => `\\frac{${inner()}}{${inner()}}`,
    () => `(${inner()})^{${inner()}}`,
    () => `\\sqrt{${inner()}}`,
    () => `${inner()}${inner()}`,
    () => `|${inner()}|`,
    () => `(${inner()})!`,
    () => `\\sin ${inner()}`,
    () => `\\log_{${inner()}}${inner()}`,
    () => `${inner()}_${inner()}`,
    () => `(${inner()}, ${inner()})`,
    () => `\\binom{${inner()}}{${inner()}}`,
    () => `${inner()}*${inner()}`,
    () => `${inner()}/${inner()}`,
  );
}

/** Lists against lists of items that each take long, in another order. */
export function* heavyLists(): Generator<[string, string]> {
  for (
    const item of [
      "3000!",
      "2999!/2998!",
      "\\binom{2000}{1000}",
      "1000!^{3}",
      "(((2^{1000})^{30})^{10})",
      "(1/3)^{2000}+(1/7)^{1400}",
      "\\sqrt[17]{9^{9^3}}",
      "(x+y+z)^{90}",
      "\\log_2(2^{4000})",
    ]
  ) {
    const list = (write: (i: number) => string) =>
      Array.from({ length: 60 }, (_, i) => write(i)).join().slice(0, 1990);
    yield [list((i) => `${i}+${item}`), list((i) => `${item}+${59 - i}`)];
    yield [list((i) => `${item}=x+${i}`), list((i) => `x+${59 - i}=${item}`)];
    yield [Array(30).fill(item).join("+").slice(0, 590), "x"];
  }
}
