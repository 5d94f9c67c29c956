/** What some program took, by name. */
export type Figures = Record<string, number>;

/** What a figure of ours is held to. */
export interface Target {
  /** Our figure over the peer's. */
  value: number;
  /** The ratio is to be at least that, not at most: more is better. @default false */
  least?: boolean;
  /** Our figure itself is held to it, not the ratio. @default false */
  alone?: boolean;
}

/** A figure of ours beside a peer's. */
export interface Comparison {
  /** Median of the rounds. */
  ours: number;
  /** Median of the rounds. */
  peer: number;
  /** Ours over the peer's. */
  ratio: number;
  /** `null` where nothing is asked. */
  target: number | null;
  /** Whether it is reached. */
  met: boolean | null;
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

/** The medians of rounds that were made in turn, figure by figure, each held to its target. */
export function compareFigures(
  { ours, theirs }: { ours: Figures[]; theirs: Figures[] },
  targets: Record<string, Target | null>,
): Record<string, Comparison> {
  return Object.fromEntries(
    Object.entries(targets).map(([name, target]) => {
      const [own, peer] = [ours, theirs].map((rounds) => median(rounds.map((figures) => figures[name])));
      const ratio = own / peer, held = target?.alone ? own : ratio;
      const met = target && (target.least ? held >= target.value : held <= target.value);
      return [name, { ours: own, peer, ratio, target: target && target.value, met }];
    }),
  );
}

/** The same as a table to read. */
export function comparisonTable(
  title: string,
  comparisons: Record<string, Comparison>,
  targets: Record<string, Target | null>,
): string {
  const lines = Object.entries(comparisons).map(([name, { ours, peer, ratio, met }]) => {
    const cells = [ours, peer].map((x) => x.toPrecision(3).padStart(10)).join("") +
      ratio.toPrecision(3).padStart(9);
    const target = targets[name];
    if (!target) return `  ${name.padEnd(20)}${cells}`;
    const bound = `${target.alone ? "ours " : ""}${target.least ? "at least" : "at most"}`;
    return `  ${name.padEnd(20)}${cells}   ${bound} ${target.value.toPrecision(2)}: ${
      met ? "met" : "missed"
    }`;
  });
  const head = `${title.padEnd(22)}${"ours".padStart(10)}${"peer".padStart(10)}${
    "ratio".padStart(9)
  }   target`;
  return [head, ...lines].join("\n");
}
