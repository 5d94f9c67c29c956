import { complete, type Completion, type GenerateOptions, type SampledModel } from "./complete.ts";

/** The policy as a sampler may ask for it. */
export interface SampledPolicy extends SampledModel {
  /** Name of the adapter in use, `null` without one. */
  readonly adapter: string | null;
  /** Writes the adapter in use in PEFT's format. */
  saveAdapter(directory: string, options?: { verify?: boolean }): Promise<unknown>;
}

/** How a sampler is asked. */
export interface SamplerOptions extends
  Pick<
    GenerateOptions,
    | "maxTokens"
    | "temperature"
    | "topK"
    | "topP"
    | "minP"
    | "n"
    | "seed"
    | "seeds"
    | "signal"
    | "onProgress"
    | "onNote"
  > {
  /** Changes whenever the policy's weights have: a server that holds a copy of them gets a new one. */
  version: string;
}

/** What draws completions: the model itself, or a server beside it. */
export interface Sampler {
  /** What messages call it. */
  readonly name: string;
  /** Whether its log-probabilities come from another program than the trainer, and so differ from the trainer's by more than rounding. */
  readonly foreign: boolean;
  /**
   * `n` completions of each prompt, prompt by prompt.
   *
   * @throws {SamplerError} when a server cannot be asked or answers what cannot be used
   */
  sample(policy: SampledPolicy, prompts: readonly number[][], options: SamplerOptions): Promise<Completion[]>;
}

/** The model draws by itself, on the device that trains it. */
export const localSampler: Sampler = {
  name: "local",
  foreign: false,
  sample: (policy, prompts, { version: _, ...options }) => complete(policy, [...prompts], options),
};
