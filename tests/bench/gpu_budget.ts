/** What a bench may take; see {@linkcode BenchBudget}. */
export interface BenchBudgetOptions {
  /** Minutes for all parts. */
  minutes: number;
  /** Measurements of a figure where the time allows. */
  times: number;
  /** Names of the parts. */
  parts: readonly string[];
  /** Milliseconds. @default performance.now */
  now?: () => number;
}

/**
 * A bench's time: a part may take an equal share of what is left, and measures its figures fewer times, but each once, where it would take
 * more. No part is left out.
 */
export class BenchBudget {
  /** Seconds of each part so far. */
  readonly seconds: Record<string, number> = {};
  readonly #options: Required<BenchBudgetOptions>;
  readonly #end: number;
  #deadline = Infinity;
  #fewest = Infinity;

  /** The time begins. */
  constructor(options: BenchBudgetOptions) {
    const { minutes, times } = options;
    if (!(minutes > 0)) throw new RangeError(`--minutes must be more than 0, got ${minutes}`);
    if (!(Number.isInteger(times) && times > 0)) {
      throw new RangeError(`--times must be a whole number from 1, got ${times}`);
    }
    this.#options = { now: () => performance.now(), ...options };
    this.#end = this.#options.now() + 60_000 * minutes;
  }

  /** Runs a part; gives its result and a line about its time. */
  async part<T>(name: string, run: () => Promise<T>): Promise<{ value: T; said: string }> {
    const { parts, times, now } = this.#options, from = now();
    if (!parts.includes(name) || name in this.seconds) {
      throw new RangeError(`timing a part: each of ${parts.join(", ")} once, got ${name}`);
    }
    const share = Math.max(0, this.#end - from) / (parts.length - Object.keys(this.seconds).length);
    this.#deadline = from + share;
    this.#fewest = Infinity;
    const value = await run(), took = this.seconds[name] = (now() - from) / 1000;
    const repeats = this.#fewest < times ? `, figures measured from ${this.#fewest} to ${times} times` : "";
    return { value, said: `${name}: ${took.toFixed(1)} s of ${(share / 1000).toFixed(1)}${repeats}` };
  }

  /** Median of `measure` after one run that warms up: as many as the part has time for. */
  async median(measure: () => Promise<number>): Promise<number> {
    const { times, now } = this.#options, taken: number[] = [];
    await measure();
    while (taken.length < times && (taken.length === 0 || now() < this.#deadline)) {
      taken.push(await measure());
    }
    this.#fewest = Math.min(this.#fewest, taken.length);
    return taken.sort((a, b) => a - b)[taken.length >> 1];
  }
}
