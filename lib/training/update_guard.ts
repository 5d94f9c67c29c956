/** How many updates a guard has refused: plain data for a checkpoint. */
export interface GuardState {
  /** Since the run began. */
  skipped: number;
  /** Since the last good update. */
  inARow: number;
}

/** Decides before each update whether it may be made. */
export interface UpdateGuard {
  /**
   * `update` when both numbers are finite; otherwise `skip`, and `stop` when that makes `limit` in a row: then save the state and end the
   * run, for the weights are still those of the last good update.
   */
  check(loss: number, gradientNorm: number): "update" | "skip" | "stop";
  readonly state: Readonly<GuardState>;
}

/**
 * Guards the weights from a loss or gradient that is not finite: one such update would turn every weight into NaN.
 *
 * @example
 * ```ts
 * import { updateGuard } from "./update_guard.ts";
 * const guard = updateGuard({ limit: 2 });
 * guard.check(0.3, NaN); // "skip"
 * guard.check(NaN, 1); // "stop"
 * ```
 */
export function updateGuard(
  { limit = 5, state = { skipped: 0, inARow: 0 } }: { limit?: number; state?: GuardState } = {},
): UpdateGuard {
  const counts = { ...state };
  return {
    check(loss, gradientNorm) {
      if (Number.isFinite(loss) && Number.isFinite(gradientNorm)) {
        counts.inARow = 0;
        return "update";
      }
      counts.skipped++;
      return ++counts.inARow >= limit ? "stop" : "skip";
    },
    state: counts,
  };
}
