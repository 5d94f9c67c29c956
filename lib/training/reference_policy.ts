import * as tf from "@tensorflow/tfjs";
import type { Decoder, LoraPair } from "../models/decoder.ts";
import { tokenValues } from "./backward.ts";
import type { NamedArrays } from "./optimizer.ts";
import type { TokenBatch } from "./token_batch.ts";

/** What a reference holds of its own beside the policy's weights. */
type Own =
  /** Nothing: it is the policy's base with the adapter off. */
  | { kind: "base" }
  | { kind: "adapter"; pairs: Map<string, LoraPair> }
  | { kind: "weights"; decoder: Decoder };

/**
 * The policy that KL is measured against: the one that a stage starts from. Under LoRA that is the same base with a copy of the
 * adapter (TRL's "ref" adapter), or with the adapter off where it starts at zero; otherwise, and once it was mixed, a frozen copy of
 * the weights.
 *
 * @example
 * ```ts
 * import { loadModel, ReferencePolicy, TokenBatch } from "../../mod.ts";
 * const { decoder } = await loadModel("data/models/tiny-gemma"), reference = await ReferencePolicy.of(decoder);
 * const tokens = new TokenBatch([{ prompt: [2, 10, 11], completion: [12, 1] }]);
 * const logprobs = await reference.logprobs(tokens, 0.8);
 * tokens.dispose();
 * reference.dispose();
 * ```
 */
export class ReferencePolicy {
  #own: Own = { kind: "base" };

  private constructor(readonly policy: Decoder) {}

  /** The policy as it is now. */
  static async of(policy: Decoder): Promise<ReferencePolicy> {
    const reference = new ReferencePolicy(policy);
    reference.#own = policy.trainBase
      ? { kind: "weights", decoder: await policy.copy() }
      : await copyOfAdapter(policy);
    return reference;
  }

  /** What it is made of: the policy's base alone, that and an adapter of its own, or weights of its own. */
  get kind(): "base" | "adapter" | "weights" {
    return this.#own.kind;
  }

  /** Log-probabilities of a batch's completion tokens, [sequence, token], nats. */
  async logprobs(tokens: TokenBatch, temperature: number): Promise<Float32Array[]> {
    const { logprobs } = this.#own.kind === "weights"
      ? await tokenValues(this.#own.decoder, tokens, { temperature })
      : await tokenValues(this.policy, tokens, { temperature, adapter: this.#pairs });
    return tokens.split(logprobs);
  }

  get #pairs(): ReadonlyMap<string, LoraPair> {
    return this.#own.kind === "adapter" ? this.#own.pairs : new Map();
  }

  /** Refreshes the reference after update number `index` (from 0) where one is due: every `referenceEvery` updates. */
  async follow(
    index: number,
    { referenceEvery, referenceMixup }: { referenceEvery: number | null; referenceMixup: number },
  ): Promise<void> {
    if (referenceEvery !== null && (index + 1) % referenceEvery === 0) await this.refresh(referenceMixup);
  }

  /**
   * Moves the reference towards the policy: π_ref ← α·π_θ + (1 − α)·π_ref, weight by weight, the adapter merged in (Gorbatovski
   * et al. 2024, "Learn your reference model", section 3; TRL's `sync_ref_model`). Under LoRA a mixture gets weights of its own by
   * this: as much memory again as the model takes; α = 1 copies the adapter.
   */
  async refresh(mixup: number): Promise<void> {
    const { policy } = this;
    if (mixup === 1 && !policy.trainBase) return this.#replace(await copyOfAdapter(policy));
    const weights: [string, { shape: number[]; data: Float32Array }][] = [];
    for (const name of policy.names) {
      const before = this.#own.kind === "weights"
        ? await this.#own.decoder.values(name)
        : await policy.merged(name, this.#pairs);
      const now = await policy.merged(name);
      weights.push([name, {
        shape: policy.shape(name),
        data: now.map((value, i) => mixup * value + (1 - mixup) * before[i]),
      }]);
    }
    this.#replace({ kind: "weights", decoder: policy.frozen(weights) });
  }

  #replace(own: Own): void {
    this.dispose();
    this.#own = own;
  }

  /** What it holds of its own, for a checkpoint: `reference/NAME`; nothing when it is the adapter off. */
  async state(): Promise<NamedArrays> {
    const arrays: NamedArrays = {};
    if (this.#own.kind === "weights") {
      const { decoder } = this.#own;
      for (const name of decoder.names) {
        arrays[`reference/${name}`] = {
          shape: decoder.shape(name),
          data: (await decoder.values(name)).slice(),
        };
      }
    }
    for (const [module, pair] of this.#pairs) {
      for (const matrix of ["a", "b"] as const) {
        arrays[`reference/${module}.lora_${matrix}`] = {
          shape: pair[matrix].shape,
          data: (await pair[matrix].data() as Float32Array).slice(),
        };
      }
    }
    return arrays;
  }

  /** Takes it back. @throws {RangeError} when some is missing */
  restore(arrays: Record<string, { shape: number[]; data: unknown }>): void {
    const { policy } = this,
      held = (name: string) =>
        arrays[`reference/${name}`] as { shape: number[]; data: Float32Array } | undefined;
    const adapterNames = [...policy.lora.keys()].flatMap((
      module,
    ) => [`${module}.lora_a`, `${module}.lora_b`]);
    const own = Object.keys(arrays).filter((key) => key.startsWith("reference/")).map((key) => key.slice(10));
    if (own.length === 0 && !policy.trainBase) return this.#replace({ kind: "base" });
    const kind = own.some((name) => /\.lora_[ab]$/.test(name)) ? "adapter" : "weights",
      names = kind === "adapter" ? adapterNames : policy.names,
      found = names.filter((name) => held(name));
    if (found.length < names.length || found.length < own.length) {
      throw new RangeError(
        `restoring the reference policy: the checkpoint holds ${found.length} of its ${names.length} ${
          kind === "adapter" ? "adapter matrices" : "weights"
        }${
          own.length > found.length ? ` and ${own.length - found.length} that the model does not have` : ""
        }`,
      );
    }
    if (kind === "weights") {
      const weights = names.map((name) =>
        [name, held(name)!] as [string, { shape: number[]; data: Float32Array }]
      );
      return this.#replace({ kind, decoder: policy.frozen(weights) });
    }
    const pairs = [...policy.lora].map(([module, { scale }]) =>
      [
        module,
        pairOf(held(`${module}.lora_a`)!, held(`${module}.lora_b`)!, scale),
      ] as const
    );
    this.#replace({ kind, pairs: new Map(pairs) });
  }

  /** Gives the memory of what it holds of its own back. */
  dispose(): void {
    if (this.#own.kind === "weights") this.#own.decoder.dispose();
    if (this.#own.kind === "adapter") {
      for (const { a, b } of this.#own.pairs.values()) tf.dispose([a, b]);
    }
    this.#own = { kind: "base" };
  }
}

interface Matrix {
  shape: number[];
  data: Float32Array;
}

function pairOf(a: Matrix, b: Matrix, scale: number): LoraPair {
  const variable = ({ data, shape }: Matrix) =>
    tf.tidy(() => tf.variable(tf.tensor2d(data, shape as [number, number]), false));
  return { a: variable(a), b: variable(b), scale };
}

/** The adapter in use as it is now, without its dropout; nothing where every B is zero and so changes nothing. */
async function copyOfAdapter(policy: Decoder): Promise<Own> {
  const copies: [string, Matrix, Matrix, number][] = [];
  for (const [module, { a, b, scale }] of policy.lora) {
    const [dataA, dataB] = await Promise.all([a.data(), b.data()]) as Float32Array[];
    copies.push([module, { shape: a.shape, data: dataA }, { shape: b.shape, data: dataB }, scale]);
  }
  if (copies.every(([, , { data }]) => data.every((value) => value === 0))) return { kind: "base" };
  return {
    kind: "adapter",
    pairs: new Map(copies.map(([module, a, b, scale]) => [module, pairOf(a, b, scale)])),
  };
}
