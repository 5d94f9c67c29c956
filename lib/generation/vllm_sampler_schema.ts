import { z } from "zod";
import type { OptionsSchema } from "../options/options_schema.ts";
import type { VllmSamplerOptions } from "./vllm_sampler_options.ts";

/** The schema of `vllmSampler`'s options. */
export const vllmSamplerSchema: OptionsSchema<Required<VllmSamplerOptions>, VllmSamplerOptions> = z
  .strictObject({
    baseURL: z.url().describe("The server, such as http://localhost:8000."),
    adapterDir: z.string().min(1).describe(
      "A folder that this machine and the server both see: each step's adapter is written there.",
    ),
    timeoutMs: z.int().min(1).default(600_000).describe("Longest wait for one answer. Default 600000."),
    retries: z.int().min(0).default(4).describe("Further attempts after a fault that may pass. Default 4."),
    apiKeyEnv: z.string().min(1).nullable().default("VLLM_API_KEY").describe(
      "Environment variable that holds the key. Default VLLM_API_KEY.",
    ),
  });
