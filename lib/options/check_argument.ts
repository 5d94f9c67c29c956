import { ArgumentError } from "./argument_error.ts";

const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

interface Kind {
  /** Told by its shape, since it may come from a file or from another copy of the library. */
  is(value: unknown): boolean;
  must: string;
  way: string;
}

const kinds = {
  model: {
    is: (value) => isGroup(value) && "decoder" in value && "tokenizer" in value,
    must: "a model",
    way: 'load one with `await loadModel("tiny-gemma")`',
  },
  exportable: {
    is: (value) =>
      isGroup(value) && typeof value.save === "function" && typeof value.saveAdapter === "function",
    must: "a model",
    way: 'load one with `await loadModel("tiny-gemma")`',
  },
  run: {
    is: (value) => isGroup(value) && Array.isArray(value.steps),
    must: "a run",
    way: "`await sft(…)`, `await grpo(…)` and `await loadRun(folder)` give runs",
  },
  evaluation: {
    is: (value) => isGroup(value) && Array.isArray(value.items) && isGroup(value.accuracy),
    must: "an evaluation",
    way: "`await evaluate(model, problems)` gives one",
  },
  path: {
    is: (value) => typeof value === "string" && value !== "",
    must: "the path of a folder",
    way: 'write it as a text, such as "results/demo"',
  },
  options: {
    is: (value) => isGroup(value) && Object.getPrototypeOf(value) !== Promise.prototype,
    must: "a group of options",
    way: "write `{ name: value }`",
  },
} satisfies Record<string, Kind>;

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value instanceof Promise) return "a promise";
  if (typeof value === "function") return `the function ${value.name}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (isGroup(value)) {
    const keys = Object.keys(value);
    return `an object with ${keys.slice(0, 5).join(", ") || "nothing in it"}${keys.length > 5 ? ", …" : ""}`;
  }
  return JSON.stringify(value) ?? String(value);
}

/**
 * Refuses an argument of another kind in one sentence, as notebook cells are not type-checked.
 *
 * @param call What was called, and as which argument: `grpo's first argument`.
 * @throws {ArgumentError} saying what it must be, what it is, and how to get it
 * @example
 * ```ts
 * try {
 *   checkArgument("chat's first argument", "model", "gpt2");
 * } catch (error) {
 *   console.log(String(error)); // chat's first argument must be a model, got "gpt2"; load one with `await loadModel("tiny-gemma")`
 * }
 * ```
 */
export function checkArgument(call: string, kind: keyof typeof kinds, value: unknown): void {
  const { is, must, way } = kinds[kind];
  if (is(value)) return;
  throw new ArgumentError(
    `${call} must be ${must}, got ${shown(value)}; ${
      value instanceof Promise ? "write `await` before what gave it" : way
    }`,
  );
}

/** One thing or a list of them as a list of the kind. @throws {ArgumentError} when one is of another kind */
export function listOf<T>(call: string, kind: keyof typeof kinds, value: T | readonly T[]): T[] {
  const list = Array.isArray(value) ? [...value] : [value as T];
  for (const [i, item] of list.entries()) {
    checkArgument(Array.isArray(value) ? `item ${i} of ${call}` : call, kind, item);
  }
  return list;
}

/** The values of a group, each of the kind. @throws {ArgumentError} when it is no group, or one is of another kind */
export function checkGroup(call: string, kind: keyof typeof kinds, value: unknown): void {
  checkArgument(call, "options", value);
  for (const [name, item] of Object.entries(value as object)) {
    checkArgument(`\`${name}\` of ${call}`, kind, item);
  }
}
