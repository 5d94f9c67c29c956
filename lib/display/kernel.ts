/** `Deno.jupyter` inside a Deno kernel, `undefined` elsewhere (where merely reading it throws). */
export function kernel(): typeof Deno.jupyter | undefined {
  try {
    return Deno.jupyter;
  } catch {
    return undefined;
  }
}
