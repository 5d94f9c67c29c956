/** The README's examples: every TypeScript block is type-checked as it stands, with what the blocks before it made; those that need nothing but the embedded model run. */
import assert from "node:assert/strict";
import { join } from "node:path";
import * as showwork from "../mod.ts";

const root = new URL("../", import.meta.url).pathname, mod = new URL("../mod.ts", import.meta.url).href;
const readme = await Deno.readTextFile(join(root, "README.md"));
const blocks = [...readme.matchAll(/^( *)```ts( ignore)?\n([\s\S]*?)^ *```$/gm)].map((
  [, indent, ignored, body],
) => ({
  ignored: ignored !== undefined,
  text: body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
}));

/** What a notebook has made by then. */
const made: Record<string, string> = {
  model: "showwork.CausalLM",
  teacher: "showwork.CausalLM",
  config: "showwork.RunConfig",
  data: "showwork.Dataset",
  reward: "showwork.Reward",
  run: "showwork.TrainingRun",
  exported: "showwork.ExportedRun",
};

/** A block as a module: what it uses of the toolkit is imported, what cells before it made is declared. */
function moduleOf(text: string): string {
  const uses = (name: string) =>
    new RegExp(`(?<![.\\w"'\`-])${name}\\b(?!\\s*:)`).test(
      text.replaceAll("...", " ").replaceAll(/^\s*\/\/.*$|\/\/ .*$/gm, ""),
    );
  const defines = (name: string) =>
    new RegExp(`\\b(const|let|function)\\s+(\\{[^}]*\\b)?${name}\\b`).test(text) ||
    new RegExp(`import \\{[^}]*\\b${name}\\b`).test(text);
  const imported = Object.keys(showwork).filter((name) => uses(name) && !defines(name));
  const declared = Object.entries(made).filter(([name]) =>
    uses(name) && !defines(name) && !imported.includes(name)
  );
  return [
    `import type * as showwork from ${JSON.stringify(mod)};`,
    ...(imported.length ? [`import { ${imported.join(", ")} } from ${JSON.stringify(mod)};`] : []),
    ...declared.map(([name, type]) => `declare const ${name}: ${type};`),
    text.replaceAll(/from "\.\.?\/mod\.ts"/g, `from ${JSON.stringify(mod)}`),
    "export {};",
    "",
  ].join("\n");
}

async function deno(args: string[], cwd = root) {
  const { success, stderr, stdout } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1", SHOWWORK_QUIET: "1", OPENBLAS_NUM_THREADS: "1" },
  }).output();
  const text = new TextDecoder();
  return { success, output: text.decode(stdout), errors: text.decode(stderr) };
}

Deno.test("the README's examples name what there is, with types that fit", async () => {
  assert.ok(blocks.length >= 8, `${blocks.length} blocks`);
  const folder = await Deno.makeTempDir();
  try {
    const files = await Promise.all(blocks.map(async ({ text }, i) => {
      const path = join(folder, `block_${i}.ts`);
      await Deno.writeTextFile(path, moduleOf(text));
      return path;
    }));
    const { success, errors } = await deno(["check", "--config", join(root, "deno.json"), ...files]);
    assert.ok(success, errors);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the README's first script runs, with fewer steps", async () => {
  const script = blocks.find(({ text }) => /await sft\(/.test(text) && /evaluate\(/.test(text))!.text;
  const short = script.replace("steps: 100", "steps: 2").replaceAll(/count: \d+/g, "count: 8");
  assert.notEqual(short, script);
  const folder = await Deno.makeTempDir(), path = join(folder, "script.ts");
  try {
    await Deno.writeTextFile(path, moduleOf(short));
    const { success, output, errors } = await deno([
      "run",
      "--allow-all",
      "--no-check",
      "--config",
      join(root, "deno.json"),
      path,
    ]);
    assert.ok(success, errors);
    assert.match(output, /right on 8 answers/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the README names files, tasks and notebooks that there are", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(root, "deno.json"))) as {
    tasks: Record<string, string>;
  };
  const named = [...readme.matchAll(/^\| `([a-z:]+)` +\|/gm)].map(([, name]) => name).filter((name) =>
    name in tasks || /:/.test(name)
  );
  for (const task of Object.keys(tasks)) {
    assert.ok(readme.includes(`\`${task}\``), `task ${task} is not in the README`);
  }
  assert.ok(named.length > 10);
  const anchors = new Set(
    [...readme.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title.toLowerCase().replaceAll(/[^\p{L}\p{N} -]/gu, "").replaceAll(" ", "-")
    ),
  );
  for (const [, link] of readme.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^https?:/.test(link)) continue;
    if (link.startsWith("#")) assert.ok(anchors.has(link.slice(1)), link);
    else assert.ok((await Deno.stat(join(root, link))).size > 0, link);
  }
  for (const [, image] of readme.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)) {
    assert.ok((await Deno.stat(join(root, image))).size < 200_000, `${image} is too large for a page`);
  }
});
