import type { Problem } from "./problem.ts";

/**
 * Lists of problems among which no id stands twice: one that is taken gets a number, `gsm8k/test/0#2`. The earlier list and the earlier problem
 * keep theirs, so the same sources give the same ids.
 */
export function uniqueIds(lists: readonly Problem[][]): Problem[][] {
  const taken = new Set<string>();
  return lists.map((problems) =>
    problems.map((problem) => {
      let { id } = problem;
      for (let n = 2; taken.has(id); n++) id = `${problem.id}#${n}`;
      taken.add(id);
      return id === problem.id ? problem : { ...problem, id };
    })
  );
}
