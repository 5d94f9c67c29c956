/** A question without case, punctuation and repeated space: two problems with the same are the same problem. */
export function normaliseQuestion(question: string): string {
  return question.toLowerCase().replace(/[^\p{L}\p{N}%+×÷=-]+/gu, " ").trim();
}
