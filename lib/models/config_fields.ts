import type { LayerRope, RopeScaling } from "./decoder_config.ts";
import { ModelFileError } from "../weights/model_file_error.ts";

/** A `config.json` as parsed. */
export type ModelJson = Record<string, unknown>;

/**
 * Reads the fields of a `config.json` with their type and rule; a wrong one is refused by name.
 *
 * A field that is missing or `null` takes `fallback`, which follows the defaults of the `transformers` configuration class, for
 * published checkpoints rely on them.
 */
export class ConfigFields {
  /** Reads `json`, which errors say comes from `where`. */
  constructor(readonly json: ModelJson, readonly where: string) {}

  /** Refuses the file. @throws {ModelFileError} naming it and what is wrong */
  fail(why: string): never {
    throw new ModelFileError(`reading ${this.where}: ${why}`);
  }

  /** Whether a field is there. */
  has(name: string): boolean {
    return this.json[name] !== undefined && this.json[name] !== null;
  }

  /** A whole number from 1. */
  count(name: string, fallback?: number): number {
    const value = this.has(name) ? this.json[name] : fallback;
    if (value === undefined) this.fail(`"${name}" is missing; expected a whole number from 1`);
    if (!(Number.isSafeInteger(value) && (value as number) >= 1)) {
      this.fail(`"${name}" must be a whole number from 1, not ${JSON.stringify(value)}`);
    }
    return value as number;
  }

  /** A finite number above 0. */
  positive(name: string, fallback: number): number {
    const value = this.has(name) ? this.json[name] : fallback;
    if (!(typeof value === "number" && Number.isFinite(value) && value > 0)) {
      this.fail(`"${name}" must be a number above 0, not ${JSON.stringify(value)}`);
    }
    return value;
  }

  /** A field that is true or false. */
  flag(name: string, fallback: boolean): boolean {
    const value = this.has(name) ? this.json[name] : fallback;
    if (typeof value !== "boolean") {
      this.fail(`"${name}" must be true or false, not ${JSON.stringify(value)}`);
    }
    return value;
  }

  /** A soft cap; a field that is `null` has none, one that is missing has the `fallback`. */
  softcap(name: string, fallback: number | null): number | null {
    if (this.json[name] === null || (fallback === null && !this.has(name))) return null;
    return this.positive(name, fallback ?? 0);
  }

  /** The gated MLP's activation. */
  activation(name: string, fallback: string): "gelu_tanh" | "silu" {
    const value = this.has(name) ? this.json[name] : fallback;
    if (value === "gelu_pytorch_tanh") return "gelu_tanh";
    if (value === "silu" || value === "swish") return "silu";
    this.fail(`"${name}": ${JSON.stringify(value)} is not supported; supported: "gelu_pytorch_tanh", "silu"`);
  }

  /** Refuses options that would change the result and that the decoder does not have. `inert` values are let through. */
  refuse(unsupported: Record<string, unknown[]>): void {
    for (const [name, inert] of Object.entries(unsupported)) {
      if (!this.has(name) || inert.includes(this.json[name])) continue;
      this.fail(
        `"${name}": ${
          JSON.stringify(this.json[name])
        } would change the model's result and is not supported; use a checkpoint without it`,
      );
    }
  }

  /** Per layer whether it is sliding: from `layer_types`, else from `byDefault`. */
  sliding(layers: number, byDefault: (layer: number) => boolean): boolean[] {
    if (!this.has("layer_types")) return Array.from({ length: layers }, (_, i) => byDefault(i));
    const types = this.json.layer_types;
    if (!Array.isArray(types) || types.length !== layers) {
      this.fail(
        `"layer_types" must list ${layers} layers ("num_hidden_layers"), not ${JSON.stringify(types)}`,
      );
    }
    return types.map((type, i) => {
      if (type !== "sliding_attention" && type !== "full_attention") {
        this.fail(
          `"layer_types"[${i}]: ${
            JSON.stringify(type)
          } is not supported; supported: "sliding_attention", "full_attention"`,
        );
      }
      return type === "sliding_attention";
    });
  }

  /** A group of fields; `null` where there is none. */
  object(name: string): ConfigFields | null {
    if (!this.has(name)) return null;
    const value = this.json[name];
    if (typeof value !== "object" || Array.isArray(value)) {
      this.fail(`"${name}" must be an object, not ${JSON.stringify(value)}`);
    }
    return new ConfigFields(value as ModelJson, `${this.where}, "${name}"`);
  }

  /** One rotary embedding for all layers: `rope_scaling` or `rope_parameters`, beside a flat `rope_theta`. */
  rope(maxPositions: number): LayerRope {
    const fields = this.object("rope_scaling") ?? this.object("rope_parameters");
    if (fields?.has("full_attention") || fields?.has("sliding_attention")) {
      fields.fail("rotary parameters by layer type are not supported for this architecture");
    }
    const flat = this.positive("rope_theta", 10_000);
    return fields === null ? { base: flat, scaling: null } : {
      base: fields.positive("rope_theta", flat),
      scaling: fields.ropeScaling(maxPositions),
    };
  }

  /** These fields as a `rope_scaling` object. */
  ropeScaling(maxPositions: number): RopeScaling {
    this.refuse({ partial_rotary_factor: [1] });
    const type = this.json.rope_type ?? this.json.type ?? "default";
    if (type === "default") return null;
    if (type === "linear") return { type, factor: this.scaled("factor") };
    if (type === "llama3") {
      const lowFreqFactor = this.scaled("low_freq_factor"), highFreqFactor = this.scaled("high_freq_factor");
      if (!(highFreqFactor > lowFreqFactor)) {
        this.fail(
          `"high_freq_factor" (${highFreqFactor}) must be above "low_freq_factor" (${lowFreqFactor})`,
        );
      }
      return {
        type,
        factor: this.scaled("factor"),
        lowFreqFactor,
        highFreqFactor,
        originalMaxPositions: this.count("original_max_position_embeddings", maxPositions),
      };
    }
    this.fail(
      `rotary scaling of type ${
        JSON.stringify(type)
      } is not supported; supported: "default", "linear", "llama3"`,
    );
  }

  /** A number of a rotary scaling, above 0. */
  private scaled(name: string): number {
    if (!this.has(name)) this.fail(`"${name}" is missing; rotary scaling needs it`);
    return this.positive(name, 1);
  }

  /** A token id; `null` where there is none. */
  id(name: string, fallback: number | null): number | null {
    const [first = null] = name in this.json ? this.ids(name) : [fallback];
    return first;
  }

  /** Token ids; −1 is how some configurations, Llama's first ones among them, say that there is none. */
  ids(name: string, fallback: number[] = []): number[] {
    if (!(name in this.json)) return fallback;
    const value = this.json[name], given = value === null ? [] : Array.isArray(value) ? value : [value];
    const list = given.filter((id) => id !== -1);
    for (const id of list) {
      if (!(Number.isSafeInteger(id) && id >= 0)) {
        this.fail(`"${name}" must hold token ids (whole numbers from 0), not ${JSON.stringify(value)}`);
      }
    }
    return list;
  }
}

/** A rotary embedding as the fields of a `config.json` that every generation of `transformers` reads. */
export function ropeScalingJson(scaling: RopeScaling): ModelJson | null {
  if (scaling === null) return null;
  if (scaling.type === "linear") return { rope_type: "linear", factor: scaling.factor };
  return {
    rope_type: "llama3",
    factor: scaling.factor,
    low_freq_factor: scaling.lowFreqFactor,
    high_freq_factor: scaling.highFreqFactor,
    original_max_position_embeddings: scaling.originalMaxPositions,
  };
}
