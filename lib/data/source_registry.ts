import type { Problem } from "./problem.ts";

/** A source of one's own as a configuration names it: `source` and whatever options it takes. */
export type OwnSource = { source: string } & Record<string, unknown>;

/** What a source gives: problems, or records whose fields are mapped by their names as those of a file are. */
export type SourceReader = (
  source: OwnSource,
  context: { seed: number },
) => Promise<(Problem | Record<string, unknown>)[]> | (Problem | Record<string, unknown>)[];

const readers = new Map<string, SourceReader>();

/** The reader of a registered source. */
export const sourceReader = (name: string): SourceReader | undefined => readers.get(name);

/** Names that a source of one's own cannot take. */
const taken = [
  "generator",
  "problems",
  "file",
  "jsonl",
  "hub",
  "gsm8k",
  "math500",
  "mgsm",
  "svamp",
  "msvamp",
];

/**
 * Makes a source of your own known to `loadDataset` and to configurations by its name; one registered before is replaced.
 *
 * @throws {RangeError} for the name of a source of ours
 * @example
 * ```ts
 * import { loadDataset, registerSource } from "../../mod.ts";
 * registerSource("sums", ({ count }) =>
 *   Array.from({ length: count as number }, (_, i) => ({ question: `What is ${i} + 1?`, answer: i + 1 })));
 * const data = await loadDataset({ train: [{ source: "sums", count: 40 }], split: 0.2 });
 * ```
 */
export function registerSource(name: string, reader: SourceReader): void {
  if (typeof name !== "string" || !/^[\w-]+$/.test(name) || taken.includes(name)) {
    throw new RangeError(
      `registering a source needs a name of letters, digits, _ and - that is none of ${
        taken.join(", ")
      }, got ${JSON.stringify(name)}`,
    );
  }
  if (typeof reader !== "function") {
    throw new TypeError(
      `registering the source ${name} needs a function that gives its problems, got ${typeof reader}`,
    );
  }
  readers.set(name, reader);
}
