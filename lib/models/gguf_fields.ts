import type { GgufValue } from "../weights/gguf_header.ts";
import { ModelFileError } from "../weights/model_file_error.ts";

/** Reads the metadata of a GGUF file below its architecture's name; a value that is missing or wrong is refused by its key. */
export class GgufFields {
  /** Reads the metadata of a GGUF file, which errors name. */
  constructor(
    readonly metadata: ReadonlyMap<string, GgufValue>,
    /** `llama`, `gemma3`, … */
    readonly architecture: string,
    readonly where: string,
  ) {}

  /** Refuses the file. @throws {ModelFileError} naming it and what is wrong */
  fail(why: string): never {
    throw new ModelFileError(`reading ${this.where}: ${why}`);
  }

  /** A field of the family, such as `block_count`. */
  get(name: string): GgufValue | undefined {
    return this.metadata.get(`${this.architecture}.${name}`);
  }

  /** A number, or a list of one and the same for every layer. */
  number(name: string, fallback?: number): number {
    const stored = this.get(name), value = Array.isArray(stored) ? stored[0] : stored ?? fallback;
    const key = `${this.architecture}.${name}`;
    if (value === undefined) this.fail(`the metadata's ${key} is missing`);
    if (Array.isArray(stored) && stored.some((other) => other !== value)) {
      this.fail(`the metadata's ${key} differs from layer to layer, which is not supported`);
    }
    if (typeof value !== "number") {
      this.fail(`the metadata's ${key} must be a number, not ${JSON.stringify(`${value}`)}`);
    }
    return shortest(value);
  }

  /** The same, `null` where it is not said. */
  maybe(name: string): number | null {
    return this.get(name) === undefined ? null : this.number(name);
  }
}

/** A float32 as the shortest decimal that is the same float32: 0.00001, not 0.000009999999747378752. */
function shortest(value: number): number {
  if (Number.isInteger(value) || Math.fround(value) !== value) return value;
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
