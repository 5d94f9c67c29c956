import { z } from "zod";
import type { OptionsSchema } from "../options/options_schema.ts";
import type { VllmTeacherOptions } from "./vllm_teacher_options.ts";

/** The schema of `vllmTeacher`'s options. */
export const vllmTeacherSchema: OptionsSchema<Required<VllmTeacherOptions>, VllmTeacherOptions> = z
  .strictObject({
    baseURL: z.url().describe("The server, such as http://localhost:8000."),
    model: z.string().min(1).describe("The name that the server knows the teacher by."),
    timeoutMs: z.int().min(1).default(600_000).describe("Longest wait for one answer. Default 600000."),
    retries: z.int().min(0).default(4).describe("Further attempts after a fault that may pass. Default 4."),
    apiKeyEnv: z.string().min(1).nullable().default("VLLM_API_KEY").describe(
      "Environment variable that holds the key. Default VLLM_API_KEY.",
    ),
  });
