import { parseOptions } from "../options/parse_options.ts";
import type { Difficulty, Problem } from "../data/problem.ts";
import type { Random } from "../random/random.ts";
import { curriculumSchema } from "./curriculum_schema.ts";

/** One phase of a curriculum. */
export interface CurriculumPhase {
  /** Also selects the bounds of the trace score: easy, medium or hard; any other as medium. */
  name: string;
  /** Fixed curricula: where it ends, as a share of the run up to 1, or as a step above 1. The last phase has none. */
  until?: number;
  /** What it draws from. */
  difficulties: Difficulty[];
}

/** A curriculum as data. */
export type CurriculumSpec =
  | { kind: "fixed"; phases: CurriculumPhase[] }
  /** Moves on when the mean correctness of the last `window` steps passes `threshold`. */
  | { kind: "adaptive"; phases: CurriculumPhase[]; threshold?: number; window?: number };

/** A curriculum in use. */
export interface Curriculum {
  /** The phase that update `step` (from 0) of `steps` belongs to. */
  phaseAt(step: number, steps: number): CurriculumPhase;
  /** Draws `count` problems of the phase, each once while there are enough. */
  draw(problems: readonly Problem[], count: number, step: number, steps: number, random: Random): Problem[];
  /** Tells an adaptive curriculum a step's mean correctness. */
  observe(correctness: number): void;
  /** What a checkpoint must keep. */
  readonly state: { phase: number; recent: number[] };
  /** Takes a state back. */
  restore(state: { phase: number; recent: number[] }): void;
  /** As plain data, for a configuration. */
  toJSON(): CurriculumSpec;
}

/** R3's phases, proportional to the run: easy problems below 60 of 200 steps, easy and medium below 140, then all. */
export const r3Curriculum: CurriculumSpec = {
  kind: "fixed",
  phases: [
    { name: "easy", until: 0.3, difficulties: ["easy"] },
    { name: "medium", until: 0.7, difficulties: ["easy", "medium"] },
    { name: "hard", difficulties: ["easy", "medium", "hard"] },
  ],
};

/**
 * A curriculum from its description (R3: easy, medium, hard).
 *
 * @throws {ConfigError} when there is no phase, or phases end out of order
 * @example
 * ```ts
 * import { curriculum } from "../../mod.ts";
 * curriculum().phaseAt(100, 200).name; // "medium"
 * ```
 */
export function curriculum(spec: CurriculumSpec = r3Curriculum): Curriculum {
  const checked = parseOptions(curriculumSchema, spec, "curriculum()"), { kind, phases } = checked;
  const state = { phase: 0, recent: [] as number[] };
  const self: Curriculum = {
    phaseAt(step, steps) {
      if (kind === "adaptive") return phases[state.phase];
      return phases.find(({ until }) => until === undefined || step < (until <= 1 ? until * steps : until)) ??
        phases[phases.length - 1];
    },
    draw(problems, count, step, steps, random) {
      const { name, difficulties } = self.phaseAt(step, steps),
        pool = problems.filter(({ difficulty }) => difficulties.includes(difficulty));
      if (pool.length === 0) {
        throw new RangeError(
          `drawing problems for phase ${name} needs some of difficulty ${
            difficulties.join(" or ")
          }, the data has none`,
        );
      }
      const drawn: Problem[] = [], taken = new Set<number>();
      while (drawn.length < count) {
        if (taken.size === pool.length) taken.clear();
        const index = random.int(pool.length);
        if (taken.has(index)) continue;
        taken.add(index);
        drawn.push(pool[index]);
      }
      return drawn;
    },
    observe(correctness) {
      if (checked.kind !== "adaptive") return;
      const { threshold, window } = checked;
      state.recent = [...state.recent, correctness].slice(-window);
      const mean = state.recent.reduce((sum, x) => sum + x, 0) / state.recent.length;
      if (state.recent.length === window && mean >= threshold && state.phase < phases.length - 1) {
        state.phase++;
        state.recent = [];
      }
    },
    get state() {
      return { phase: state.phase, recent: [...state.recent] };
    },
    restore({ phase, recent }) {
      state.phase = phase;
      state.recent = [...recent];
    },
    toJSON: () => spec,
  };
  return self;
}
