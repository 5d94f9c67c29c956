import { z } from "zod";
import { runSchema } from "./schema.ts";

/**
 * The JSON Schema of a run's configuration, by which editors complete and check YAML. `data/configs/schema.json` holds it;
 * write it anew with `deno run -A lib/config/config_json_schema.ts` after a change of the schema.
 */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(runSchema, {
    io: "input",
    target: "draft-7",
    unrepresentable: "any",
    reused: "ref",
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return { ...schema, title: "A showwork run" };
}

if (import.meta.main) {
  const file = new URL("../../data/configs/schema.json", import.meta.url);
  await Deno.writeTextFile(file, JSON.stringify(configJsonSchema(), null, 2) + "\n");
}
