import { z } from "zod";

/** Values for the chat template's own variables; the stages must agree on them. */
export const chatTemplateOptions = z.record(z.string().min(1), z.json()).default({}).describe(
  "Values for the chat template's own variables, such as { enable_thinking: false }. TRL: chat_template_kwargs. " +
    "Default none; in a file, the run's.",
);
