import { basename, join } from "node:path";
import { displayable } from "../display/displayable.ts";
import { observer } from "../display/observer.ts";
import { device } from "../kernels/device.ts";
import { chatPrompt } from "../text/chat_prompt.ts";
import { ModelFileError } from "../weights/model_file_error.ts";
import type { Decoder } from "./decoder.ts";
import type { SavedModel } from "./saved_model.ts";

/** What was found when a saved model or adapter was read back. */
export interface ReadBack {
  /** What was compared: logits of a prompt, or the weights one by one where memory holds no second model. */
  compared: "logits" | "weights";
  /** Tokens of the prompt; 0 for weights. */
  tokens: number;
  /** The largest difference between what the model computes and what its files do (or between two weights). */
  difference: number;
  /** What the adapter changes at most; `null` without one, or for weights. */
  adapterEffect: number | null;
  /** How much of what the adapter changes is in the files: about 1, and 0 in files that act untrained. `null` where it changes nothing. */
  adapterKept: number | null;
  /** Share of the prompt's tokens after which both find the same token likeliest; `null` for weights. */
  sameNext: number | null;
}

/** How far numbers of a type may be from those that they were rounded from, against the largest: what small models come to, twice. */
const tolerances: Record<string, number> = { F32: 1e-3, F16: 0.02, BF16: 0.25, Q8_0: 0.25 };

/** The note that stays beside what was written: in a folder, or beside a file. */
const noteOf = (path: string) =>
  path.endsWith(".gguf") ? path.replace(/gguf$/, "showwork.json") : join(path, "showwork.json");

/** How a model is compared with what was written of it. */
export interface ReadBackOptions {
  path: string;
  dtype: string;
  /** Gives the logits of token ids from the files; there is one row, so nothing is padded. */
  again: (ids: number[]) => Promise<Float32Array>;
}

/**
 * Compares the logits of a chat prompt with those of what was written, and leaves the finding beside it.
 *
 * @throws {ModelFileError} when they are further apart than the numbers' type explains: the files are another model
 */
export async function compareLogits(
  model: SavedModel,
  { path, dtype, again }: ReadBackOptions,
): Promise<ReadBack> {
  const { decoder, config: { vocabSize } } = model, ids = promptIds(model);
  const [ours, base] = [await logitsOf(decoder, ids), await baseLogits(decoder, ids)],
    theirs = await again(ids);
  const largest = (a: Float32Array, b: (i: number) => number) =>
    a.reduce((most, value, i) => Math.max(most, Math.abs(value - b(i))), 0);
  const likeliest = (logits: Float32Array, token: number) => {
    const row = logits.subarray(token * vocabSize, (token + 1) * vocabSize);
    return row.indexOf(row.reduce((most, value) => Math.max(most, value), -Infinity));
  };
  const same = ids.filter((_, token) => likeliest(ours, token) === likeliest(theirs, token)).length;
  const difference = largest(ours, (i) => theirs[i]), adapterEffect = base && largest(ours, (i) => base[i]);
  const adapterKept = base && keptShare({ ours, base, theirs }),
    limit = tolerances[dtype] * largest(ours, () => 0);
  const found: ReadBack = {
    compared: "logits",
    tokens: ids.length,
    difference,
    adapterEffect,
    adapterKept,
    sameNext: same / ids.length,
  };
  // eight bits may change more than a short training did: that is said, and is no fault of the file
  const acts = (adapterKept ?? 1) > 0.5 || dtype === "Q8_0";
  return await settle(found, { path, fits: difference <= limit && acts });
}

/** ⟨theirs − base, ours − base⟩ / ‖ours − base‖²: rounding that is small beside the adapter hardly counts. */
function keptShare(
  { ours, base, theirs }: Record<"ours" | "base" | "theirs", Float32Array>,
): number | null {
  let along = 0, whole = 0;
  for (let i = 0; i < ours.length; i++) {
    along += (theirs[i] - base[i]) * (ours[i] - base[i]);
    whole += (ours[i] - base[i]) ** 2;
  }
  return whole > 0 ? along / whole : null;
}

/** The same of the weights one by one, where memory holds no second model. `stored` gives a weight as it was written. */
export async function compareWeights(
  { decoder }: SavedModel,
  { path, dtype, stored, change = (_, values) => values }: {
    path: string;
    dtype: string;
    stored: (name: string) => AsyncIterable<{ at: number; values: Float32Array }>;
    /** How a weight was changed when it was written. @default as it is */
    change?: (name: string, values: Float32Array) => Float32Array;
  },
): Promise<ReadBack> {
  let difference = 0, largest = 0;
  for (const name of decoder.names) {
    const ours = change(name, await decoder.merged(name));
    for await (const { at, values } of stored(name)) {
      for (let i = 0; i < values.length; i++) {
        difference = Math.max(difference, Math.abs(values[i] - ours[at + i]));
        largest = Math.max(largest, Math.abs(ours[at + i]));
      }
    }
  }
  const none = { adapterEffect: null, adapterKept: null, sameNext: null };
  return await settle({ compared: "weights", tokens: 0, difference, ...none }, {
    path,
    fits: difference <= tolerances[dtype] * largest,
  });
}

/** Whether a second copy of the weights fits beside the first, with what a forward pass of a prompt takes. */
export function fitsTwice({ parameterCount }: SavedModel): boolean {
  return device().memoryLeft > 4 * parameterCount * 1.1 + 2 ** 26;
}

/** The logits of one sequence, [tokens, vocabulary] row after row. */
export async function logitsOf(decoder: Decoder, ids: number[]): Promise<Float32Array> {
  const logits = decoder.logits([ids]), values = await logits.data() as Float32Array;
  logits.dispose();
  return values;
}

async function baseLogits(decoder: Decoder, ids: number[]): Promise<Float32Array | null> {
  const { adapter } = decoder;
  if (adapter === null) return null;
  decoder.useAdapter(null);
  try {
    return await logitsOf(decoder, ids);
  } finally {
    decoder.useAdapter(adapter);
  }
}

function promptIds({ tokenizer, config: { vocabSize, maxPositions } }: SavedModel): number[] {
  const ids = tokenizer.encode(chatPrompt(tokenizer, "What is 3 + 4?"), { bos: false });
  // (a model of fewer tokens than its tokenizer has still gets a prompt)
  return ids.slice(-Math.min(32, maxPositions)).map((id) => id % vocabSize);
}

async function settle(found: ReadBack, { path, fits }: { path: string; fits: boolean }): Promise<ReadBack> {
  const { compared, difference, adapterKept } = found;
  if (!fits) {
    throw new ModelFileError(
      `saving to ${path}: what was written is another model: read back, its ${compared} are off by ${
        difference.toPrecision(3)
      }${
        adapterKept === null
          ? ""
          : `, and ${Math.round(100 * adapterKept)} % of what the adapter changes is in it`
      }; the model in memory is intact, save it to another folder`,
    );
  }
  const shown = displayable(found, { text: describe });
  await Deno.writeTextFile(noteOf(path), `${JSON.stringify({ readBack: found }, null, 2)}\n`);
  const view = observer().view({ title: `Saving ${basename(path)}`, total: 1, unit: "file" });
  view.update({ step: 1 });
  view.note(describe(found));
  await view.end("finished");
  return shown;
}

function describe({ compared, tokens, difference, adapterEffect, adapterKept, sameNext }: ReadBack): string {
  const digits = difference.toPrecision(2), percent = (share: number) => `${Math.round(100 * share)} %`;
  if (compared === "weights") return `Saved and read back: the weights differ by at most ${digits}.`;
  const adapter = adapterEffect === null
    ? ""
    : ` (the adapter changes up to ${adapterEffect.toPrecision(2)})`;
  const same = sameNext === 1 ? "after each" : `after ${percent(sameNext!)} of them`;
  const lost = (adapterKept ?? 1) > 0.5
    ? ""
    : ` Rounding to 8 bits changes more than the adapter does (${
      percent(adapterKept!)
    } of which is there): save F16, or the adapter beside its base.`;
  return `Saved and read back: the logits of ${tokens} tokens differ by at most ${digits}${adapter}, and ${same} the same token is likeliest.${lost}`;
}
