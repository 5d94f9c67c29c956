import { kernel } from "./kernel.ts";

/** What a Jupyter front end may choose from, by media type. */
export type MediaBundle = Record<string, string | Record<string, unknown>>;

/** The time that the Deno kernel needs to send what was broadcast, in ms; 5 was enough in 240 of 240 cells queued at once. */
const sending = 10;

/**
 * What a cell ends with, shown from inside the cell, with its metadata; outside a kernel the bundle itself.
 *
 * The Deno kernel (2.9) sends a cell's result from a queue, may call the cell done before, and then stamps it with the cell that runs
 * at that time: under Run All results land under the next cell, or are lost. What is broadcast while the cell's value is being
 * formatted is in time, so the value is shown by a broadcast, and the kernel is left with an empty result, of which nobody sees
 * where it lands.
 */
export async function showResult(
  data: MediaBundle,
  metadata: Record<string, unknown> = {},
): Promise<MediaBundle> {
  const jupyter = kernel();
  if (!jupyter) return data;
  await jupyter.broadcast("display_data", { data, metadata, transient: {} });
  await new Promise((sent) => setTimeout(sent, sending));
  return {};
}
