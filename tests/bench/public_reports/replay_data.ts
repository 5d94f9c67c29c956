/** Data files and ids, as people have them. */
import { join } from "node:path";
import { inFolder, type Replays, type Tree } from "./replay.ts";

const utf8 = new TextEncoder(), train = [{ source: "generator" as const, count: 4 }];

/** What `loadDataset` makes of one file, or why it refuses. */
function loaded(
  { showwork }: Tree,
  source: Record<string, unknown>,
  name: string,
  content: string | Uint8Array,
) {
  return inFolder(async (folder) => {
    const path = join(folder, name);
    await Deno.writeFile(path, typeof content === "string" ? utf8.encode(content) : content);
    try {
      const { test } = await showwork.loadDataset({ train, test: [{ ...source, path } as never] });
      return { problems: test, refused: null };
    } catch (error) {
      return { problems: [], refused: `${error}` };
    }
  });
}

const line = (question: string, answer: string) => JSON.stringify({ question, answer }) + "\n";
const own = { source: "jsonl", fields: { question: "q", answer: "a" } };
const gsm = line("What is 2 plus 3?", "2 + 3 = 5\n#### 5");

const utf16 = (text: string) => {
  const bytes = new Uint8Array(2 * text.length), view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), true);
  return bytes;
};

/** Inputs of the kinds B1 and C1. */
export const replays: Replays = {
  "loadDataset({test:[{source:'gsm8k',path:A}": ({ showwork, tiny }) =>
    inFolder(async (folder) => {
      const sources = await Promise.all(["A", "B"].map(async (name) => {
        const path = join(folder, `${name}.jsonl`);
        await Deno.writeTextFile(
          path,
          [1, 2].map((i) => line(`What is ${i} plus ${name === "A" ? 5 : 8}?`, "#### 5")).join(""),
        );
        return { source: "gsm8k" as const, path };
      }));
      const { test } = await showwork.loadDataset({ train, test: sources }), model = tiny.tinyModel();
      const evaluation = await showwork.evaluate(model, test, {
        samples: 2,
        temperature: 1,
        passAt: [1, 2],
        maxTokens: 4,
      });
      const { differences } = showwork.compare({ a: evaluation, b: evaluation });
      const ids = new Set(test.map(({ id }) => id)).size, pairs = differences[0].problems;
      model.dispose();
      return { came: `${ids} ids, ${pairs} pairs`, right: ids === 4 && pairs === 4 };
    }),
  "loadDataset with jsonl and fields.id where two lines say id 7": async (tree) => {
    const content = [1, 2].map((i) => JSON.stringify({ id: 7, q: `${i} + ${i}?`, a: 2 * i })).join("\n");
    const source = { source: "jsonl", fields: { id: "id", question: "q", answer: "a" } };
    const { problems, refused } = await loaded(tree, source, "a.jsonl", content);
    const ids = new Set(problems.map(({ id }) => id));
    return { came: refused ?? [...ids].join(), right: refused ? /\b7\b/.test(refused) : ids.size === 2 };
  },
  "GSM8K jsonl that begins with a UTF-8 BOM": async (tree) => {
    const first = await loaded(tree, { source: "gsm8k" }, "a.jsonl", `\uFEFF${gsm}`);
    const svamp = [{
      ID: "1",
      Body: "Tom has 2.",
      Question: "And 3?",
      Equation: "( 2.0 + 3.0 )",
      Answer: 5,
      Type: "Addition",
    }];
    const second = await loaded(tree, { source: "svamp" }, "a.json", `\uFEFF${JSON.stringify(svamp)}`);
    const answers = [first, second].map(({ problems }) => problems[0]?.answer);
    return { came: first.refused ?? second.refused ?? answers.join(), right: answers.join() === "5,5" };
  },
  'jsonl line {"q":"2^63?","a":9223372036854775808}': async (tree) => {
    const { problems, refused } = await loaded(tree, own, "a.jsonl", '{"q":"2^63?","a":9223372036854775808}');
    const came = refused ?? problems[0].answer;
    return { came, right: came === "9223372036854775808" || /write it as text/.test(refused ?? "") };
  },
  "Latin-1 jsonl": async (tree) => {
    const bytes = Uint8Array.from('{"q":"Is a caf\xe9 open?","a":"yes"}\n', (c) => c.charCodeAt(0));
    const { problems, refused } = await loaded(tree, own, "a.jsonl", bytes);
    return { came: refused ?? problems[0].question, right: /UTF-8/.test(refused ?? "") };
  },
  'source math500 with "level":"Level 1"': async (tree) => {
    const content = [1, 2, 3, 4, 5].map((level) =>
      JSON.stringify({
        problem: `What is ${level} + 1?`,
        solution: `$\\boxed{${level + 1}}$`,
        answer: `${level + 1}`,
        subject: "Algebra",
        level: `Level ${level}`,
        unique_id: `test/${level}.json`,
      })
    ).join("\n");
    const { problems, refused } = await loaded(tree, { source: "math500" }, "a.jsonl", content);
    const came = refused ?? problems.map(({ difficulty }) => difficulty).join();
    return { came, right: came === "easy,easy,medium,hard,hard" };
  },
  'svamp.json with "Answer":"1,080"': async (tree) => {
    const content = JSON.stringify(["1,080", "12 (apples)"].map((Answer, i) => ({
      ID: `${i}`,
      Body: `Tom has ${i + 2}.`,
      Question: "How many?",
      Equation: "( 2.0 + 3.0 )",
      Answer,
      Type: "Addition",
    })));
    const { problems, refused } = await loaded(tree, { source: "svamp" }, "a.json", content);
    const came = refused ?? problems.map(({ answer }) => answer).join(" ");
    return { came, right: refused ? /apples|1,080/.test(refused) : came === "1080 12" };
  },
  'jsonl with optional fields that are null or ""': async (tree) => {
    const fields = { question: "q", answer: "a", reasoning: "r", difficulty: "d" };
    const content = [{ q: "1 + 1?", a: "2", r: null, d: null }, { q: "1 + 2?", a: "3", r: "", d: "" }]
      .map((row) => JSON.stringify(row)).join("\n");
    const { problems, refused } = await loaded(tree, { source: "jsonl", fields }, "a.jsonl", content);
    return { came: refused ?? `${problems.length} problems`, right: problems.length === 2 };
  },
  "UTF-16 jsonl (PowerShell's >), .gz, .parquet, JSON array in .jsonl": async (tree) => {
    const row = { q: "1 + 1?", a: "2" }, jsonl = JSON.stringify(row);
    const zipped = new Response(new Blob([jsonl]).stream().pipeThrough(new CompressionStream("gzip")));
    const tried = await Promise.all([
      ["UTF-16", "a.jsonl", utf16(`\uFEFF${jsonl}`)],
      ["gzip", "a.jsonl.gz", new Uint8Array(await zipped.arrayBuffer())],
      ["array", "a.jsonl", JSON.stringify([row])],
      ["parquet", "a.parquet", "PAR1 and nothing more"],
    ].map(async ([what, name, content]) => {
      const { problems, refused } = await loaded(tree, own, name as string, content);
      return { what, read: problems.length === 1, told: new RegExp(`${what}`, "i").test(refused ?? "") };
    }));
    return {
      came: tried.map(({ what, read, told }) =>
        `${what} ${read ? "read" : told ? "refused by name" : "refused"}`
      ).join(", "),
      right: tried.every(({ read, told }) => read || told),
    };
  },
};
