import { PlainError } from "../../../lib/display/plain_error.ts";

/** Options of {@linkcode needMemory}. */
export interface NeedMemoryOptions {
  /** What the work takes at most. */
  bytes: number;
  /** What to do without it. */
  wayOut: string;
  /** Bytes that programs may still have. @default what the system says */
  available?: number;
}

/** Refuses work that would leave the machine without memory. @throws {PlainError} when less is free than it takes */
export function needMemory(
  work: string,
  { bytes, wayOut, available = Deno.systemMemoryInfo().available }: NeedMemoryOptions,
): void {
  if (available >= bytes) return;
  const gigabytes = (count: number) => `${(count / 1e9).toFixed(1)} GB`;
  throw new PlainError(
    `${work} takes up to ${gigabytes(bytes)} of memory, and ${
      gigabytes(available)
    } are free; end what else is running, or ${wayOut}`,
  );
}
