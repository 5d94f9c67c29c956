import { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { scheduled } from "./schedule_schema.ts";

/** How a number moves from one value to another while a run goes on. */
export interface AnnealSpec {
  /** The curve between the two values. */
  kind: "linear" | "cosine" | "exponential" | "step";
  /** Value at the start. */
  from: number;
  /** Value at the end. */
  to: number;
  /** Share of the run at which it begins to move. @default 0 */
  start?: number;
  /** Share of the run at which it has arrived. @default 1 */
  end?: number;
  /** `step`: shares of the run at which it jumps, in equal steps. @default [0.5] */
  at?: number[];
}

/** A number, or how it moves. */
export type Scheduled = number | AnnealSpec;

/** A schedule in use: plain data that can be asked. */
export interface Anneal {
  /** The value at `step` (from 0) of `steps`. */
  at(step: number, steps: number): number;
  /** The data that it was made from. */
  toJSON(): Scheduled;
}

const annealSchema = scheduled(z.number());

/**
 * A schedule from its description. With p = min(1, step/steps) stretched to the part between `start` and `end`:
 * linear f + (t − f)·p; cosine f + (t − f)·(1 − cos πp)/2; exponential f·(t/f)^p; step: equal jumps at the shares `at`.
 *
 * @throws {ConfigError} when the description makes no sense
 * @example
 * ```ts
 * import { anneal } from "../../mod.ts";
 * anneal({ kind: "linear", from: 0.4, to: 0.6 }).at(100, 200); // 0.5
 * ```
 */
export function anneal(spec: Scheduled): Anneal {
  const checked = parseOptions(annealSchema, spec, "anneal()");
  if (typeof checked === "number") return { at: () => checked, toJSON: () => spec };
  const { kind, from, to, start = 0, end = 1, at = [0.5] } = checked;
  return {
    at(step, steps) {
      const whole = steps > 0 ? Math.min(1, Math.max(0, step / steps)) : 1;
      const p = Math.min(1, Math.max(0, (whole - start) / (end - start)));
      switch (kind) {
        case "linear":
          return from + (to - from) * p;
        case "cosine":
          return from + (to - from) * (1 - Math.cos(Math.PI * p)) / 2;
        case "exponential":
          return from * (to / from) ** p;
        case "step":
          return from + (to - from) * at.filter((share) => whole >= share).length / at.length;
      }
    },
    toJSON: () => spec,
  };
}
