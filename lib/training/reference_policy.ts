import type { Decoder } from "../models/decoder.ts";
import { tokenValues } from "./backward.ts";
import type { NamedArrays } from "./optimizer.ts";
import type { TokenBatch } from "./token_batch.ts";

/**
 * The policy that KL is measured against: under LoRA the same weights with the adapter off, which costs no memory;
 * otherwise, and once it was refreshed, a frozen copy of the weights.
 *
 * @example
 * ```ts
 * const reference = await ReferencePolicy.of(model.decoder);
 * const logprobs = await reference.logprobs(tokens, 0.8);
 * ```
 */
export class ReferencePolicy {
  #frozen: Decoder | null = null;

  private constructor(readonly policy: Decoder) {}

  /** The policy as it is now, its adapter left out. */
  static async of(policy: Decoder): Promise<ReferencePolicy> {
    const reference = new ReferencePolicy(policy);
    if (policy.trainBase) reference.#frozen = await policy.copy();
    return reference;
  }

  /** Whether it has weights of its own. */
  get frozen(): boolean {
    return this.#frozen !== null;
  }

  /** Log-probabilities of a batch's completion tokens, [sequence, token], nats. */
  async logprobs(tokens: TokenBatch, temperature: number): Promise<Float32Array[]> {
    const { logprobs } = await tokenValues(this.#frozen ?? this.policy, tokens, {
      temperature,
      adapter: this.#frozen !== null,
    });
    return tokens.split(logprobs);
  }

  /**
   * Moves the reference towards the policy: π_ref ← α·π_θ + (1 − α)·π_ref, weight by weight, the adapter merged in (Gorbatovski
   * et al. 2024, "Learn your reference model", section 3; TRL's `sync_ref_model`). Under LoRA it gets weights of its
   * own by this: as much memory again as the model takes.
   */
  async refresh(mixup: number): Promise<void> {
    const { policy } = this, weights: [string, { shape: number[]; data: Float32Array }][] = [];
    for (const name of policy.names) {
      const before = await (this.#frozen ?? policy).values(name);
      const now = await policy.merged(name);
      weights.push([name, {
        shape: policy.shape(name),
        data: now.map((value, i) => mixup * value + (1 - mixup) * before[i]),
      }]);
    }
    this.#frozen?.dispose();
    this.#frozen = policy.frozen(weights);
  }

  /** Its own weights for a checkpoint, `reference/NAME`; none when it is the adapter off. */
  async state(): Promise<NamedArrays> {
    const arrays: NamedArrays = {};
    for (const name of this.#frozen?.names ?? []) {
      arrays[`reference/${name}`] = {
        shape: this.#frozen!.shape(name),
        data: (await this.#frozen!.values(name)).slice(),
      };
    }
    return arrays;
  }

  /** Takes them back. @throws {RangeError} when some are missing */
  restore(arrays: Record<string, { shape: number[]; data: unknown }>): void {
    const { policy } = this, own = policy.names.filter((name) => arrays[`reference/${name}`]);
    if (own.length < policy.names.length && (own.length > 0 || policy.trainBase)) {
      throw new RangeError(
        `restoring the reference policy: the checkpoint holds ${own.length} of its ${policy.names.length} weights`,
      );
    }
    this.#frozen?.dispose();
    this.#frozen = own.length === 0 ? null : policy.frozen(
      own.map((name) => [name, arrays[`reference/${name}`] as { shape: number[]; data: Float32Array }]),
    );
  }

  dispose(): void {
    this.#frozen?.dispose();
    this.#frozen = null;
  }
}
