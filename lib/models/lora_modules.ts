import type { Decoder } from "./decoder.ts";
import { linearNames } from "./decoder.ts";

/** Which linear layers an adapter takes, as PEFT's target_modules and exclude_modules say it. */
export interface LoraTargets {
  targets: string | string[];
  exclude: string | string[] | null;
}

/** Spellings that Python's `re` knows and JavaScript reads as something else. */
const pythonOnly = /\(\?P[<=>]|\(\?[#(]|\\[AZ]/;

/**
 * A pattern that the whole of a module's name must match, as Python's `re.fullmatch` has it.
 *
 * @throws {RangeError} when it is no regular expression, or one that only Python knows
 */
export function modulePattern(source: string): RegExp {
  const odd = pythonOnly.exec(source)?.[0];
  if (odd) {
    throw new RangeError(
      `reading the LoRA pattern ${
        JSON.stringify(source)
      }: ${odd} means something in Python only; write it without`,
    );
  }
  try {
    return new RegExp(`^(?:${source})$`);
  } catch {
    throw new RangeError(
      `reading the LoRA pattern ${
        JSON.stringify(source)
      }: it is no regular expression; name layers by a list such as ["q_proj", "v_proj"]`,
    );
  }
}

function matcher(wanted: string | string[]): (module: string) => boolean {
  if (wanted === "all" || wanted === "all-linear") return () => true;
  if (typeof wanted === "string") {
    const pattern = modulePattern(wanted);
    return (module) => pattern.test(module);
  }
  return (module) => wanted.some((name) => module === name || module.endsWith(`.${name}`));
}

/** Whether an adapter takes a module. */
export function moduleFilter({ targets, exclude }: LoraTargets): (module: string) => boolean {
  const wanted = matcher(targets), unwanted = exclude ? matcher(exclude) : () => false;
  return (module) => wanted(module) && !unwanted(module);
}

/** All linear layers of a decoder, by name. */
export function linearModules({ config }: Decoder): string[] {
  return Array.from(
    { length: config.layers },
    (_, i) => linearNames.map((part) => `model.layers.${i}.${part}`),
  )
    .flat();
}

/**
 * The linear layers that an adapter takes: a list counts by the ends of names, a text as a regular expression of the
 * whole name (`model.layers.0.self_attn.q_proj`), `all` and PEFT's `all-linear` as every layer; `exclude` the same.
 *
 * @throws {RangeError} when none is left, or a pattern is none
 */
export function loraModules(decoder: Decoder, { targets, exclude }: LoraTargets): string[] {
  const chosen = linearModules(decoder).filter(moduleFilter({ targets, exclude }));
  if (chosen.length === 0) {
    const shown = (value: string | string[]) =>
      typeof value === "string" ? `the pattern ${value}` : value.join(", ");
    throw new RangeError(
      `adding LoRA: no linear layer is called ${shown(targets)}${
        exclude ? ` and not ${shown(exclude)}` : ""
      }; there are ${
        linearNames.map((name) => name.split(".")[1]).join(", ")
      }, and a pattern is held to the whole name, such as model.layers.0.${linearNames[0]}`,
    );
  }
  return chosen;
}

/** What a pattern such as PEFT's rank_pattern says of a module: the first key that its name, or an end of it, matches. */
export function patternValue(pattern: Record<string, number>, module: string, fallback: number): number {
  const key = Object.keys(pattern).find((key) => modulePattern(`(?:.*\\.)?(?:${key})`).test(module));
  return key === undefined ? fallback : pattern[key];
}
