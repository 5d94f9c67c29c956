import assert from "node:assert/strict";
import { dirname, join, normalize } from "node:path";

/** The floors from the ground up; rooms of one floor may import each other. README's architecture section draws them. */
const floors = [
  ["answers", "backend", "display", "options", "random"],
  ["kernels"],
  ["ops"],
  ["text"],
  ["weights"],
  ["generation"],
  ["models"],
  ["rewards", "schedules", "formats", "graph", "data"],
  ["training"],
  ["stages"],
  ["config"],
  ["notebook", "report", "lab", "cluster"],
  ["tasks"],
];

/** Every file of `lib` with the files of `lib` that it imports, types included. */
async function imports(): Promise<Map<string, string[]>> {
  const edges = new Map<string, string[]>(), root = new URL("../", import.meta.url).pathname;
  const walk = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(join(root, folder))) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory) await walk(path);
      else if (path.endsWith(".ts") && !path.endsWith(".d.ts")) {
        const text = (await Deno.readTextFile(join(root, path))).replace(
          /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm,
          "",
        );
        const found = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(([, to]) =>
          normalize(join(dirname(path), to))
        );
        edges.set(path, found.filter((to) => to.startsWith("lib/")));
      }
    }
  };
  await walk("lib");
  return edges;
}

Deno.test("imports point down: no room imports one that is floors above it", async () => {
  const edges = await imports(),
    floor = new Map(floors.flatMap((rooms, i) => rooms.map((room) => [room, i])));
  const room = (path: string) => path.split("/")[1];
  assert.ok(edges.size > 200, `read only ${edges.size} files`);
  for (const path of edges.keys()) {
    assert.ok(floor.has(room(path)), `${path} stands in a room that has no floor`);
  }
  const upward = [...edges].flatMap(([from, to]) =>
    to.filter((target) => floor.get(room(target))! > floor.get(room(from))!).map((target) =>
      `${from} -> ${target}`
    )
  );
  assert.deepEqual(upward, []);
});

Deno.test("no file imports itself by way of others", async () => {
  const edges = await imports(), circles = new Set<string>();
  for (const start of edges.keys()) {
    const seen = new Set<string>(), open = [...edges.get(start)!];
    while (open.length > 0) {
      const path = open.pop()!;
      if (path === start) circles.add(start);
      if (seen.has(path)) continue;
      seen.add(path);
      open.push(...edges.get(path) ?? []);
    }
  }
  assert.deepEqual([...circles], []);
});
