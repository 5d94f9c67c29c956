import { z } from "zod";

/** What stands before every problem; the stages must agree on it. */
export const systemPrompt = z.string().min(1).nullable().default(null).describe(
  "System prompt before every problem; templates without one put it before the first user turn. " +
    "Default null: none; in a file, the run's.",
);
