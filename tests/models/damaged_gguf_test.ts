/** Whole models whose file was damaged: `loadModel` reads them or says what is wrong with the file, and leaves nothing behind. */
import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { join } from "node:path";
import { PlainError } from "../../lib/display/plain_error.ts";
import { startEngine } from "../../lib/kernels/cpu/engine.ts";
import { loadModel } from "../../lib/models/load_model.ts";
import { parseModelConfig } from "../../lib/models/model_config.ts";
import { Random } from "../../lib/random/random.ts";
import { parseGgufHeader } from "../../lib/weights/gguf_header.ts";
import { testOnCpu } from "../kernels/cpu/on_cpu.ts";

const fixtures = join(import.meta.dirname!, "../fixtures/gguf");
/** 10,000 take minutes. */
const rounds = Number(Deno.env.get("SHOWWORK_FUZZ_ROUNDS") ?? 300);

async function headerBytes(path: string): Promise<{ bytes: Uint8Array<ArrayBuffer>; header: number }> {
  const bytes = await Deno.readFile(path);
  let at = 0;
  const { dataStart } = parseGgufHeader((target) => {
    const some = bytes.subarray(at, at += target.length);
    target.set(some);
    return some.length;
  }, { where: path, size: bytes.length });
  return { bytes, header: dataStart };
}

/** A file with bits, bytes or words of its header changed, or cut. */
function damaged(bytes: Uint8Array<ArrayBuffer>, header: number, random: Random): Uint8Array<ArrayBuffer> {
  const own = bytes.slice(0, random.next() < 0.1 ? Math.floor(random.next() * bytes.length) : bytes.length);
  // half of the changes among the first keys, which say what the model is; the rest anywhere, mostly the vocabulary
  const span = Math.min(own.length, random.next() < 0.5 ? Math.min(header, 2000) : header);
  for (let changes = 1 + Math.floor(random.next() * 3); changes > 0; changes--) {
    const at = Math.floor(random.next() * span), how = random.next();
    if (how < 0.4) own[at] ^= 1 << Math.floor(random.next() * 8);
    else if (how < 0.7) own[at] = Math.floor(random.next() * 256);
    else own.fill(how < 0.85 ? 255 : 0, at, Math.min(at + 4, span));
  }
  return own;
}

testOnCpu(
  `loadModel() meets ${rounds} damaged GGUF headers with a model or an error that names the file`,
  async () => {
    await startEngine({ threads: 1 });
    const random = new Random(11), folder = await Deno.makeTempDir(), path = join(folder, "broken.gguf");
    const names = ["llama", "qwen2", "qwen3", "gemma2", "gemma3"];
    const files = await Promise.all(names.map((name) => headerBytes(join(fixtures, `${name}.gguf`))));
    const before = tf.memory().numTensors, ends = { read: 0, refused: 0 }, wrong: string[] = [];
    try {
      for (let round = 0; round < rounds; round++) {
        const { bytes, header } = files[round % files.length];
        await Deno.writeFile(path, damaged(bytes, header, random));
        try {
          (await loadModel(path)).dispose();
          ends.read++;
        } catch (error) {
          ends.refused++;
          if (!(error instanceof PlainError) || !error.message.includes("broken.gguf")) {
            wrong.push(`${round} ${names[round % names.length]}: ${(error as Error).stack?.slice(0, 400)}`);
          }
        }
        if (tf.memory().numTensors !== before) {
          wrong.push(`${round}: ${tf.memory().numTensors - before} tensors left behind`);
          break;
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
    assert.deepEqual(wrong, []);
    console.log(`  ${JSON.stringify(ends)}`);
    assert.ok(ends.refused > rounds / 10 && ends.read > rounds / 20, JSON.stringify(ends));
  },
);

testOnCpu("loadModel() refuses more layers than there are, before it lists them", async () => {
  await startEngine({ threads: 1 });
  const folder = await Deno.makeTempDir(), path = join(folder, "broken.gguf");
  const key = new TextEncoder().encode("qwen3.block_count"),
    own = await Deno.readFile(join(fixtures, "qwen3.gguf"));
  const at = own.findIndex((_, i) => key.every((byte, j) => own[i + j] === byte)) + key.length + 4;
  assert.equal(own[at], 2);
  own[at + 2] ^= 64;
  await Deno.writeFile(path, own);
  try {
    await assert.rejects(
      loadModel(path),
      /broken\.gguf: qwen3\.block_count is 4194306, and there is no tensor blk\.4194305\.attn_norm\.weight/,
    );
    const json = { model_type: "llama", num_hidden_layers: 4194306 };
    assert.throws(() => parseModelConfig(json), /"num_hidden_layers" is 4194306, more than 10000/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
