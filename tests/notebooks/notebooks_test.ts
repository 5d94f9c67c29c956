import assert from "node:assert/strict";
import { join } from "node:path";

interface Cell {
  cell_type: "code" | "markdown";
  id: string;
  source: string[];
  outputs?: { output_type: string; text?: string[] }[];
  execution_count?: number | null;
}

const folder = decodeURIComponent(new URL("../../notebooks", import.meta.url).pathname);
const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".ipynb"))
  .sort();

for (const name of names) {
  const text = await Deno.readTextFile(join(folder, name));
  const notebook = JSON.parse(text) as {
    cells: Cell[];
    nbformat: number;
    metadata: { kernelspec: { name: string } };
  };
  const code = notebook.cells.filter((cell) => cell.cell_type === "code");
  const executed = code.some(({ outputs }) => outputs?.length);
  if (!executed) {
    console.log(`skipped: outputs of notebooks/${name}, which has none yet (deno task demo --in-place)`);
  }

  Deno.test(`${name} is a notebook for the Deno kernel: prose first, unique ids, short cells`, () => {
    assert.deepEqual([notebook.nbformat, notebook.metadata.kernelspec.name], [4, "deno"]);
    assert.equal(notebook.cells[0].cell_type, "markdown");
    assert.equal(new Set(notebook.cells.map(({ id }) => id)).size, notebook.cells.length);
    const long = code.filter(({ source }) => source.length > 15).map(({ id }) => id);
    assert.deepEqual(long, []);
  });

  Deno.test(`${name} type-checks as one program`, async () => {
    // Beside the notebook, where the cells' relative imports hold; a module, for top-level await.
    const path = join(folder, `.${name}.${crypto.randomUUID()}.tmp.ts`);
    const cells = code.map(({ source, id }) => `// cell ${id}\n${source.join("")};\n`);
    await Deno.writeTextFile(path, cells.join("\n") + "export {};\n");
    try {
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["check", path],
        env: { NO_COLOR: "1" },
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
    } finally {
      await Deno.remove(path);
    }
  });

  Deno.test({
    name: `${name} is committed as it ran: top to bottom, no error, no path of the machine that ran it`,
    ignore: !executed,
    fn() {
      const counts = code.map(({ execution_count }) => execution_count);
      assert.deepEqual(counts, code.map((_, i) => i + 1));
      assert.deepEqual(
        code.filter(({ outputs }) => outputs!.some(({ output_type }) => output_type === "error")),
        [],
      );
      assert.doesNotMatch(text, /\/(work|home|root|Users)\/[a-z]/);
    },
  });
}
