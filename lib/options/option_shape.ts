import { z } from "zod";

/** A node of the JSON Schema of options: as much of it as is read here. */
export interface OptionShape {
  type?: string;
  description?: string;
  default?: unknown;
  const?: unknown;
  enum?: unknown[];
  anyOf?: OptionShape[];
  oneOf?: OptionShape[];
  allOf?: OptionShape[];
  properties?: Record<string, OptionShape>;
  required?: string[];
  items?: OptionShape | OptionShape[];
  prefixItems?: OptionShape[];
  additionalProperties?: OptionShape | boolean;
  propertyNames?: OptionShape;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

const known = new WeakMap<z.ZodType, OptionShape>();

/** What a schema takes, as JSON Schema; functions, which it cannot say, are open. */
export function optionShape(schema: z.ZodType): OptionShape {
  let shape = known.get(schema);
  if (!shape) {
    shape = z.toJSONSchema(schema, { io: "input", unrepresentable: "any", reused: "inline" }) as OptionShape;
    known.set(schema, shape);
  }
  return shape;
}

/** A node's alternatives, those of its alternatives included. */
const branches = (shape: OptionShape): OptionShape[] => {
  const inner = [...shape.anyOf ?? [], ...shape.oneOf ?? [], ...shape.allOf ?? []];
  return inner.length ? inner.flatMap(branches) : [shape];
};

/** The nodes that a path may lead to. */
export function shapesAt(shape: OptionShape, path: readonly PropertyKey[]): OptionShape[] {
  return path.reduce<OptionShape[]>((shapes, key) =>
    shapes.flatMap((each) => {
      const own = each.properties?.[String(key)] ??
        (typeof key === "number" && each.items && !Array.isArray(each.items) ? each.items : undefined) ??
        (typeof each.additionalProperties === "object" ? each.additionalProperties : undefined);
      return own ? branches(own) : [];
    }), branches(shape));
}

/** The keys that are valid in `value`, which stands at a path. */
export function keysAt(shape: OptionShape, path: readonly PropertyKey[], value: unknown): string[] {
  const groups = shapesAt(shape, path).filter(({ type }) => type === "object");
  const named = groups.find(({ propertyNames }) => propertyNames?.enum)?.propertyNames?.enum;
  if (named) return named.map(String);
  // of a union's members, the one that its discriminator names
  const fitting = groups.filter(({ properties = {} }) =>
    Object.entries(properties).every(([key, member]) =>
      member.const === undefined || member.const === (value as Record<string, unknown> | null)?.[key]
    )
  );
  return [
    ...new Set((fitting.length ? fitting : groups).flatMap(({ properties = {} }) => Object.keys(properties))),
  ];
}

/** The values that a union's discriminator takes at a path. */
export function discriminatorValues(shape: OptionShape, path: readonly PropertyKey[], key: string): string[] {
  return shapesAt(shape, path).flatMap(({ properties = {} }) => {
    const member = properties[key];
    return member?.const !== undefined ? [String(member.const)] : (member?.enum ?? []).map(String);
  });
}

/** What TRL and PEFT call an option, as its description says. */
export function foreignNames({ description = "" }: OptionShape): string[] {
  return [...description.matchAll(/\b(?:TRL|PEFT): ([^.]*)\./g)].flatMap(([, names]) =>
    names.split(/,? there /)[0].match(/\b[a-z]+(?:_[a-z0-9]+)*\b/g) ?? []
  );
}
