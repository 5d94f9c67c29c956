import { z } from "zod";

/** What the generated interfaces of options (`deno task options`) call the type that a schema checks. */
export interface TypeName {
  /** A type, such as `LearningRateSpec | number`; without `from` an interface of this name is generated. */
  type: string;
  /** The file that a type of `type` comes from, by its name. */
  from?: Record<string, string>;
  /** What documents a generated interface. */
  doc?: string;
}

/** The names of schemas whose types have one: `schema.register(typeNames, { type: "Scheduled", from: … })`. */
export const typeNames = z.registry<TypeName>();
