import type { Problem } from "../data/problem.ts";
import type { Curriculum } from "../schedules/curriculum.ts";

/**
 * Checks before the first step that every phase a run of so many steps comes to, or may come to, has problems to draw.
 *
 * @throws {RangeError} naming the first phase that has none
 * @example
 * ```ts
 * import { curriculum, loadDataset } from "../../mod.ts";
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }] });
 * checkPhases(curriculum(), data.train, 200);
 * ```
 */
export function checkPhases(
  curriculum: Curriculum,
  problems: readonly Problem[],
  steps: number,
  call = "grpo",
): void {
  const { kind, phases } = curriculum.toJSON(), held = new Set(problems.map(({ difficulty }) => difficulty));
  const reached = kind === "fixed"
    ? new Set(Array.from({ length: steps }, (_, step) => curriculum.phaseAt(step, steps)))
    : phases;
  for (const { name, difficulties } of reached) {
    if (difficulties.some((difficulty) => held.has(difficulty))) continue;
    throw new RangeError(
      `${call} needs problems for every phase that the run comes to: phase ${name} draws ${
        difficulties.join(" or ")
      }, and the data has only ${[...held].join(", ")}; give other data or another curriculum`,
    );
  }
}
