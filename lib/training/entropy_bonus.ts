import { anneal, type Scheduled } from "../schedules/anneal.ts";

/** Options of {@linkcode entropyBonus}. */
export interface EntropyBonusOptions {
  /** Updates in all. */
  steps: number;
  /** The weight, or where it starts when it is adapted. TRL: entropy_coef. */
  entropyCoef: Scheduled;
  /** Mean entropy a token in nats that the policy is held up to; `null`: the weight is as it is. TRL: entropy_target. @default null */
  entropyTarget?: number | null;
  /** What the adapted weight moves by after each update. TRL: entropy_coef_delta. @default 0.005 */
  entropyCoefDelta?: number;
  /** Its bounds. TRL: entropy_coef_min, entropy_coef_max. @default 0 */
  entropyCoefMin?: number;
  /** @default 1 */
  entropyCoefMax?: number;
}

/** What a checkpoint keeps of an adapted weight. */
export interface EntropyBonusState {
  coefficient: number;
  /** Of the last update; infinite before the first. */
  entropy: number;
}

/** The weight of an entropy bonus, update by update. */
export interface EntropyBonus {
  /** Whether there is one at any time. */
  readonly on: boolean;
  /** The weight in force at update number `index`. */
  weight(index: number): number;
  /** Takes an update's mean entropy. */
  observe(entropy: number): void;
  state: EntropyBonusState;
}

/**
 * The weight of the entropy bonus in the loss: a number or a schedule; or adapted (Skywork-OR1, He et al. 2025, arXiv 2505.22312, section 4):
 * it rises by `entropyCoefDelta` after an update whose entropy was at or below the target and falls by it otherwise, within its bounds, and
 * acts only at or below the target.
 *
 * @example
 * ```ts
 * const bonus = entropyBonus({ steps: 100, entropyCoef: 0.01, entropyTarget: 0.3 });
 * bonus.observe(0.2);
 * bonus.weight(1); // 0.015
 * ```
 */
export function entropyBonus(options: EntropyBonusOptions): EntropyBonus {
  const { steps, entropyTarget: target = null, entropyCoefDelta: delta = 0.005 } = options;
  const { entropyCoefMin: min = 0, entropyCoefMax: max = 1 } = options,
    schedule = anneal(options.entropyCoef);
  const bonus: EntropyBonus = {
    on: options.entropyCoef !== 0 || target !== null,
    state: { coefficient: schedule.at(0, steps), entropy: Infinity },
    weight(index) {
      if (target === null) return schedule.at(index, steps);
      return bonus.state.entropy <= target ? bonus.state.coefficient : 0;
    },
    observe(entropy) {
      const { coefficient } = bonus.state, low = target !== null && entropy <= target;
      bonus.state = {
        entropy,
        coefficient: low ? Math.min(coefficient + delta, max) : Math.max(coefficient - delta, min),
      };
    },
  };
  return bonus;
}
