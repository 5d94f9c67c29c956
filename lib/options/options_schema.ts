import type { z } from "zod";

/**
 * A schema of options: it takes `Input`, as a person writes it, and gives `Output`, complete. zod's, under a name of our own.
 *
 * @internal
 */
export type OptionsSchema<Output, Input> = z.ZodType<Output, Input>;
