import { type DecodePlan, PHASE } from "./decode_plan.ts";
import type { CpuEngine } from "./engine.ts";

let serial = 0;

/**
 * Drives the phases of `decode_phases.ts` from the main thread. `allocate` gives the address of that many floats, valid as long as
 * the runner is used.
 */
export function decodeRunner(engine: CpuEngine, plan: DecodePlan, allocate: (floats: number) => number) {
  const json = new TextEncoder().encode(JSON.stringify(plan)),
    address = allocate(Math.ceil(json.length / 4)),
    id = ++serial;
  new Uint8Array(engine.wasm.memory.buffer).set(json, address);
  const { chunks, passRows, logitRows } = plan;
  const run = (phase: number, count: number, ...rest: number[]) =>
    engine.run("decode", [address, json.length, id, phase, ...rest], [], count);

  if (plan.packed) run(PHASE.pack, chunks);

  /** All layers over the first `rows` entries of ids, positions and completions. */
  function layers(rows: number, prefill: boolean) {
    const shares = Math.min(rows, chunks);
    for (let layer = 0; layer < plan.model.layers.length; layer++) {
      run(PHASE.project, chunks, layer, rows);
      if (prefill) {
        run(PHASE.cache, shares, layer, rows);
        // the last layer of a prefill is needed for its keys and values only
        if (layer === plan.model.layers.length - 1) return;
        run(PHASE.attend, shares, layer, rows);
      } else run(PHASE.cacheAndAttend, shares, layer, rows);
      run(PHASE.output, chunks, layer, rows);
      run(PHASE.activate, chunks, layer, rows);
      run(PHASE.down, chunks, layer, rows);
    }
  }

  return {
    /** All prompts but their last tokens enter the cache, each once, where its first completion's is. */
    prefill(prompts: readonly (readonly number[])[]): void {
      const { ints } = engine.pool.thread.heap();
      let rows = 0;
      const flush = () => {
        if (rows > 0) layers(rows, true);
        rows = 0;
      };
      for (const [index, prompt] of prompts.entries()) {
        for (let position = 0; position < prompt.length - 1; position++) {
          ints[plan.ids / 4 + rows] = prompt[position];
          ints[plan.positions / 4 + rows] = position;
          ints[plan.completions / 4 + rows] = index * plan.n;
          if (++rows === passRows) flush();
        }
      }
      flush();
    },

    /** Up to `tokens` more tokens for each of the `completions` that isn't done. */
    decode(completions: number, tokens: number): void {
      const { ints } = engine.pool.thread.heap();
      for (let token = 0; token < tokens; token++) {
        let rows = 0;
        for (let completion = 0; completion < completions; completion++) {
          if (ints[plan.done / 4 + completion]) continue;
          ints[plan.completions / 4 + rows] = completion;
          ints[plan.positions / 4 + rows] = ints[plan.lengths / 4 + completion];
          ints[plan.ids / 4 + rows++] = ints[plan.last / 4 + completion];
        }
        if (rows === 0) return;
        layers(rows, false);
        for (let from = 0; from < rows; from += logitRows) {
          const to = Math.min(rows, from + logitRows);
          run(PHASE.logits, chunks, from, to);
          run(PHASE.sample, Math.min(to - from, chunks), from, to);
        }
      }
    },
  };
}
