import { z } from "zod";
import type { OptionsSchema } from "../options/options_schema.ts";
import type { ServeRewardsSettings } from "./serve_rewards_settings.ts";

/** The schema of `serveRewards`'s options. */
export const serveRewardsSchema: OptionsSchema<Required<ServeRewardsSettings>, ServeRewardsSettings> = z
  .strictObject({
    steps: z.int().min(1).default(200).describe("Steps of the run, over which weights anneal. Default 200."),
    samplesPerStep: z.int().min(1).default(64).describe(
      "Completions a step: trainers that send no step (OpenRLHF, NeMo-Gym) are counted. Default 64.",
    ),
    hostname: z.string().min(1).default("127.0.0.1").describe(
      "Where to listen; another than the loopback needs a token. Default 127.0.0.1.",
    ),
    port: z.int().min(0).max(65535).default(0).describe("0 takes a free one. Default 0."),
    token: z.string().min(8).nullable().default(null).describe(
      "What `Authorization: Bearer` must hold. Default null: none, on the loopback only.",
    ),
    maxInFlight: z.int().min(1).default(512).describe(
      "Completions being scored at once; a request past it is answered 429 with Retry-After. Default 512.",
    ),
    maxBodyBytes: z.int().min(1024).default(8 << 20).describe("Largest request; 413 past it. Default 8 MiB."),
  }).superRefine(({ hostname, token }, context) => {
    if (token === null && !/^(127\.|localhost$|::1$|\[::1\]$)/.test(hostname)) {
      context.addIssue({
        code: "custom",
        path: ["token"],
        message: `must be given when the server listens on ${hostname}, beyond this machine`,
      });
    }
  });
