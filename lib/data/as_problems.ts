import { difficultyOf } from "./difficulty.ts";
import { difficulties, type Problem } from "./problem.ts";

const isProblem = (value: unknown): value is Problem => {
  const { id, question, answer, difficulty, domain } = (value ?? {}) as Partial<Problem>;
  return [id, question, answer, domain].every((text) => typeof text === "string") &&
    difficulties.includes(difficulty!);
};

const shown = (value: unknown) =>
  value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value)).slice(0, 60);

/**
 * Problems as a notebook's cell may hold them: a number as answer is its text, and id, difficulty and domain are filled in where they are
 * missing. Whole problems come back as they are.
 *
 * @param what What is done with them, for errors: `evaluating`.
 * @throws {TypeError} when it is no list, or an item of it has no question or no answer
 */
export function asProblems(problems: unknown, what: string): Problem[] {
  if (!Array.isArray(problems)) {
    const dataset = typeof problems === "object" && problems !== null && "test" in problems;
    throw new TypeError(
      `${what} needs a list of problems, got ${shown(problems)}${
        dataset ? "; of a data set, give its .train or .test" : ""
      }`,
    );
  }
  if (problems.every(isProblem)) return problems;
  return problems.map((value: unknown, i): Problem => {
    if (isProblem(value)) return value;
    const { id, question, answer, reasoning, difficulty, domain, ...rest } = (value ?? {}) as Partial<
      Problem
    >;
    const said = typeof answer === "number" || typeof answer === "bigint" ? String(answer) : answer;
    if (typeof question !== "string" || !question.trim() || typeof said !== "string") {
      throw new TypeError(
        `${what} needs problems such as { question: "What is 5 + 3?", answer: "8" }, but item ${i} is ${
          shown(value)
        }`,
      );
    }
    const given = difficulties.find((name) => name === difficulty);
    if (difficulty !== undefined && difficulty !== null && !given) {
      throw new TypeError(
        `${what} needs a difficulty of ${difficulties.join(", ")}, but item ${i} has ${shown(difficulty)}`,
      );
    }
    return {
      ...rest,
      id: id === undefined || id === null ? `problem/${i}` : String(id),
      question,
      answer: said,
      ...(reasoning ? { reasoning } : {}),
      difficulty: given ?? difficultyOf(reasoning || question),
      domain: domain || "maths",
    };
  });
}

/** The same for problems that are told apart by their ids. @throws {RangeError} when two have one id */
export function asDistinctProblems(problems: unknown, what: string): Problem[] {
  const all = asProblems(problems, what), seen = new Map<string, number>();
  for (const [i, { id }] of all.entries()) {
    const before = seen.get(id);
    if (before !== undefined) {
      throw new RangeError(
        `${what} needs problems with ids of their own, but items ${before} and ${i} are both "${id}"; ` +
          "give each its id, or load the files by one loadDataset, which does",
      );
    }
    seen.set(id, i);
  }
  return all;
}
