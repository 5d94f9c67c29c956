import { answerId, graphLimits, graphOperations } from "./graph.ts";

/**
 * The JSON Schema (draft 7) of a graph, for judges, editors and servers that constrain what a model writes. `data/configs/graph.schema.json`
 * holds it; write it anew with `deno run -A lib/graph/graph_json_schema.ts`. What it cannot say (unique ids, arguments that
 * exist, no cycle, no division by 0) `checkGraph` says.
 */
export function graphJsonSchema(): Record<string, unknown> {
  const id = { type: "string", minLength: 1, maxLength: graphLimits.id };
  const notes = {
    label: { type: "string", description: "What the number stands for." },
    distractor: { type: "boolean", description: "The problem says it, the solution does not need it." },
  };
  const node = (properties: Record<string, unknown>) => ({
    type: "object",
    properties: { id, ...properties, ...notes },
    required: ["id", ...Object.keys(properties)],
    additionalProperties: false,
  });
  const constant = node({ op: { const: "const" }, val: { type: "number" } });
  const byArity = Map.groupBy(Object.entries(graphOperations), ([, { arity }]) => arity.join(" to "));
  const operations = [...byArity.values()].map((group) => {
    const [minItems, maxItems] = group[0][1].arity;
    return node({
      op: { enum: group.map(([name]) => name) },
      args: { type: "array", items: id, minItems, maxItems, description: "Ids of nodes, in order." },
    });
  });
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "A computational graph",
    type: "object",
    properties: {
      nodes: {
        type: "array",
        minItems: 1,
        maxItems: graphLimits.nodes,
        items: { oneOf: [constant, ...operations] },
        contains: { type: "object", properties: { id: { const: answerId } }, required: ["id"] },
      },
    },
    required: ["nodes"],
    additionalProperties: false,
  };
}

if (import.meta.main) {
  const file = new URL("../../data/configs/graph.schema.json", import.meta.url);
  await Deno.writeTextFile(file, JSON.stringify(graphJsonSchema(), null, 2) + "\n");
}
