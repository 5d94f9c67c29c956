/** A decimal digit of any script as ASCII: a script's ten digits stand together, zero first. */
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0)!;
  let first = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first--;
  return String((code - first) % 10);
}

/**
 * A question without case, punctuation and repeated space, its digits in ASCII without separators: two problems with the same are the same
 * problem.
 */
export function normaliseQuestion(question: string): string {
  return question.normalize("NFKC").toLowerCase()
    .replace(/[^\P{Nd}0-9]/gu, asciiDigit)
    .replace(/(?<=\d),(?=\d{2,3}(?!\d))/g, "")
    .replace(/[^\p{L}\p{M}\p{N}%+×÷=-]+/gu, " ").trim();
}
