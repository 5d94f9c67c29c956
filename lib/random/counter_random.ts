/**
 * The counter-based generator behind sampling: the same (seed, counter, index) gives the same number on the CPU, in
 * AssemblyScript and in WGSL, whatever the batch, so that a seed gives the same tokens everywhere.
 *
 * PCG's output permutation as a hash (Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020).
 */
export function pcg(x: number): number {
  const state = (Math.imul(x, 747796405) + 2891336453) >>> 0;
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
}

/**
 * A uniform number in (0, 1), 24 bits: `seed` names the sequence (one a completion), `counter` the token's position
 * in the completion, `index` the vocabulary entry.
 */
export function counterUniform(seed: number, counter: number, index: number): number {
  return ((pcg((index ^ pcg((counter ^ pcg(seed >>> 0)) >>> 0)) >>> 0) >>> 8) + 0.5) / 16777216;
}

/** Standard Gumbel noise, −log(−log u): arg max of log p + noise is a draw from p. */
export function counterGumbel(seed: number, counter: number, index: number): number {
  return -Math.log(-Math.log(counterUniform(seed, counter, index)));
}
