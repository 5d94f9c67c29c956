/** A share with its 95 % interval over problems; with one sample a problem it is Wilson's. */
export interface Rate {
  /** The estimate. */
  value: number;
  /** Lower end of the interval. */
  low: number;
  /** Upper end of the interval. */
  high: number;
  /** Answers, not problems. */
  count: number;
  /** Of how many. */
  total: number;
}

/** The standard normal quantile of a two-sided 95 % interval. */
const z95 = 1.959963984540054;

/**
 * A share with its Wilson score interval at 95 %:
 * (p̂ + z²/2n ± z·√(p̂(1−p̂)/n + z²/4n²)) / (1 + z²/n) (Wilson, JASA 1927). Honest near 0 and 1, where the usual
 * p̂ ± z·√(p̂(1−p̂)/n) is not. No observations give the whole range from 0 to 1 round `NaN`.
 *
 * Throws a `RangeError` unless `count` and `total` are whole numbers with 0 ≤ count ≤ total.
 *
 * @example
 * ```ts
 * wilson(8, 10); // { value: 0.8, low: 0.490…, high: 0.943…, count: 8, total: 10 }
 * ```
 */
export function wilson(count: number, total: number): Rate {
  if (!Number.isInteger(count) || !Number.isInteger(total) || count < 0 || count > total) {
    throw new RangeError(
      `A Wilson interval needs whole numbers 0 ≤ count ≤ total, but got ${count} of ${total}`,
    );
  }
  if (total === 0) return { value: NaN, low: 0, high: 1, count, total };
  return { value: count / total, ...wilsonBounds(count / total, total), count, total };
}

/** The ends of Wilson's interval of a share of `total` observations, which need be no whole number. */
export function wilsonBounds(share: number, total: number): { low: number; high: number } {
  const z2 = z95 * z95, scale = 1 + z2 / total;
  const centre = share + z2 / (2 * total),
    half = z95 * Math.sqrt(share * (1 - share) / total + z2 / (4 * total * total));
  return {
    low: share === 0 ? 0 : Math.max(0, (centre - half) / scale),
    high: share === 1 ? 1 : Math.min(1, (centre + half) / scale),
  };
}

/** Options of {@linkcode pairedBootstrap}. */
export interface BootstrapOptions {
  /** Resamples drawn. @default 10000 */
  resamples?: number;
  /** Seed of the resampling. @default 1 */
  seed?: number;
  /** Coverage of the interval. @default 0.95 */
  level?: number;
}

/** A mean difference and its percentile bootstrap interval. */
export interface Difference {
  /** The estimate. */
  value: number;
  /** Lower end of the interval. */
  low: number;
  /** Upper end of the interval. */
  high: number;
}

/**
 * The mean of `after[i] − before[i]` over the same problems, with a percentile bootstrap interval: problems are drawn
 * with replacement, so pairs stay together and their correlation narrows the interval (Efron & Tibshirani 1993, ch. 13).
 * The same seed gives the same interval.
 *
 * Throws a `RangeError` when the arrays differ in length or are empty.
 *
 * @example
 * ```ts
 * pairedBootstrap([0, 0, 1, 0], [1, 0, 1, 1], { seed: 1 }); // { value: 0.5, low: 0, high: 1 }
 * ```
 */
export function pairedBootstrap(
  before: number[],
  after: number[],
  options: BootstrapOptions = {},
): Difference {
  const { resamples = 10_000, seed = 1, level = 0.95 } = options;
  if (before.length !== after.length || before.length === 0) {
    throw new RangeError(
      `A paired bootstrap needs two arrays of the same length, at least 1, but got ${before.length} and ${after.length}`,
    );
  }
  const differences = after.map((value, i) => value - before[i]), n = differences.length;
  const next = uniform(seed);
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += differences[Math.floor(next() * n)];
    return sum / n;
  }).sort();
  const at = (share: number) =>
    means[Math.min(resamples - 1, Math.max(0, Math.round(share * (resamples - 1))))];
  return {
    value: differences.reduce((sum, value) => sum + value, 0) / n,
    low: at((1 - level) / 2),
    high: at((1 + level) / 2),
  };
}

/** Mulberry32: 32 bits of state, enough for resampling. */
function uniform(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let t = Math.imul(state ^ state >>> 15, 1 | state);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

/** What {@linkcode mcnemar} found. */
export interface McNemar {
  /** Wrong before and right after. */
  gained: number;
  /** Right before and wrong after. */
  lost: number;
  /** Two-sided exact p-value. */
  p: number;
}

/**
 * McNemar's exact test on the same problems before and after: of the b + c problems whose verdict changed, is an even
 * split between gained and lost believable? p = min(1, 2·P[Binomial(b+c, ½) ≤ min(b, c)]) (McNemar 1947, exact form).
 * Without a change p is 1.
 *
 * Throws a `RangeError` when the arrays differ in length.
 *
 * @example
 * ```ts
 * mcnemar([false, false, false], [true, true, true]).p; // 0.25
 * ```
 */
export function mcnemar(before: boolean[], after: boolean[]): McNemar {
  if (before.length !== after.length) {
    throw new RangeError(
      `McNemar's test needs the same problems before and after, but got ${before.length} and ${after.length}`,
    );
  }
  const gained = after.filter((right, i) => right && !before[i]).length;
  const lost = after.filter((right, i) => !right && before[i]).length;
  const n = gained + lost;
  let tail = 0;
  for (let k = 0; k <= Math.min(gained, lost); k++) tail += Math.exp(logChoose(n, k) - n * Math.LN2);
  return { gained, lost, p: Math.min(1, 2 * tail) };
}

function logChoose(n: number, k: number): number {
  let sum = 0;
  for (let i = 1; i <= k; i++) sum += Math.log((n - k + i) / i);
  return sum;
}

/**
 * The unbiased estimate of pass@k from `n` samples of which `c` are correct: 1 − C(n−c, k)/C(n, k)
 * (Chen et al. 2021, "Evaluating Large Language Models Trained on Code", eq. 1).
 *
 * Throws a `RangeError` unless 0 ≤ c ≤ n and 1 ≤ k ≤ n.
 *
 * @example
 * ```ts
 * passAtK(10, 3, 5); // 0.9166…
 * ```
 */
export function passAtK(n: number, c: number, k: number): number {
  if (![n, c, k].every(Number.isInteger) || c < 0 || c > n || k < 1 || k > n) {
    throw new RangeError(
      `pass@k needs whole numbers 0 ≤ c ≤ n and 1 ≤ k ≤ n, but got n = ${n}, c = ${c}, k = ${k}`,
    );
  }
  if (n - c < k) return 1;
  let allWrong = 1;
  for (let i = n - c + 1; i <= n; i++) allWrong *= 1 - k / i;
  return 1 - allWrong;
}

/** One sampled answer: its text (`null` when none was parsed) and whether it matches the reference. */
export interface Vote {
  /** What was answered; `null` where nothing can be read. */
  answer: string | null;
  /** Whether it is right. */
  correct: boolean;
}

/**
 * maj@k for one problem: whether the most frequent answer among the first `k` samples is correct (self-consistency, Wang
 * et al. 2022). Missing answers do not vote. A tie gives the share of tied answers that are correct, which is the
 * expected score of breaking it at random, so no seed is needed. Answers are compared by `key`.
 *
 * Throws a `RangeError` unless 1 ≤ k ≤ samples.length.
 *
 * @example
 * ```ts
 * majorityAtK([{ answer: "8", correct: true }, { answer: "8", correct: true }, { answer: "9", correct: false }], 3); // 1
 * ```
 */
export function majorityAtK(
  samples: Vote[],
  k: number,
  { key = (answer: string) => answer.trim().toLowerCase().replaceAll(",", "") }: {
    key?: (answer: string) => string;
  } = {},
): number {
  if (!Number.isInteger(k) || k < 1 || k > samples.length) {
    throw new RangeError(`maj@k needs a whole k with 1 ≤ k ≤ ${samples.length} samples, but k is ${k}`);
  }
  const votes = new Map<string, { count: number; correct: boolean }>();
  for (const { answer, correct } of samples.slice(0, k)) {
    if (answer === null) continue;
    const vote = votes.get(key(answer));
    if (vote) vote.count++;
    else votes.set(key(answer), { count: 1, correct });
  }
  const most = Math.max(0, ...[...votes.values()].map(({ count }) => count));
  const tied = [...votes.values()].filter(({ count }) => count === most);
  return tied.length ? tied.filter(({ correct }) => correct).length / tied.length : 0;
}

/** One bin of a reliability curve. */
export interface ReliabilityBin {
  /** The bin's edges; a probability p is in (low, high], 0 in the first. */
  low: number;
  /** Upper end of the interval. */
  high: number;
  /** Answers in the bin. */
  count: number;
  /** Mean stated probability; `NaN` in an empty bin. */
  confidence: number;
  /** Share correct with its interval. */
  accuracy: Rate;
}

/** What {@linkcode calibration} found. */
export interface Calibration {
  /** Expected calibration error, 0 to 1; `NaN` when no item states a probability. */
  ece: number;
  /** Mean squared difference between probability and verdict (Brier 1950). */
  brier: number;
  /** From the least to the most confident. */
  bins: ReliabilityBin[];
  /** Items that state a probability. */
  count: number;
}

/**
 * How far stated probabilities can be trusted: ECE = Σ_b n_b/n · |accuracy_b − confidence_b| over bins of equal width
 * (Guo et al. 2017, eq. 3). Items without a probability are left out and not counted.
 *
 * Throws a `RangeError` for a probability outside 0 to 1 or fewer than one bin.
 *
 * @example
 * ```ts
 * calibration([{ answerProbability: 0.9, correct: true }, { answerProbability: 0.7, correct: false }]).ece; // 0.4
 * ```
 */
export function calibration(
  items: { answerProbability: number | null; correct: boolean }[],
  { bins = 10 }: { bins?: number } = {},
): Calibration {
  if (!Number.isInteger(bins) || bins < 1) {
    throw new RangeError(`Calibration needs a whole number of bins, at least 1, but bins is ${bins}`);
  }
  const known = items.flatMap(({ answerProbability: p, correct }) => p === null ? [] : [{ p, correct }]);
  const bad = known.find(({ p }) => !(p >= 0 && p <= 1));
  if (bad) throw new RangeError(`Calibration needs probabilities from 0 to 1, but one is ${bad.p}`);
  const table = Array.from({ length: bins }, (_, b): ReliabilityBin => {
    const own = known.filter(({ p }) => Math.max(0, Math.ceil(p * bins - 1e-12) - 1) === b);
    return {
      low: b / bins,
      high: (b + 1) / bins,
      count: own.length,
      confidence: own.reduce((sum, { p }) => sum + p, 0) / own.length,
      accuracy: wilson(own.filter(({ correct }) => correct).length, own.length),
    };
  });
  const filled = table.filter(({ count }) => count);
  const n = known.length;
  return {
    ece: filled.reduce((sum, b) => sum + b.count * Math.abs(b.accuracy.value - b.confidence), 0) / n,
    brier: known.reduce((sum, { p, correct }) => sum + (p - Number(correct)) ** 2, 0) / n,
    bins: table,
    count: n,
  };
}
