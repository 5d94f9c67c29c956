import assert from "node:assert/strict";
import { join } from "node:path";
import {
  bestCheckpoint,
  type Checkpoint,
  CheckpointError,
  latestCheckpoint,
  loadCheckpoint,
  saveCheckpoint,
  type SaveCheckpointOptions,
} from "../../lib/training/checkpoint.ts";
import { canMount, onSmallDisk } from "./small_disk.ts";

/** Bits that a detour over doubles, text or a zero would lose: −0, a subnormal, a NaN with a payload, odd last places. */
const bits = Uint32Array.of(0x80000000, 1, 0x7fc12345, 0x3dcccccd, 0x7f800000, 0x3f800001);

function at(step: number, size = bits.length): Checkpoint {
  const data = new Float32Array(size);
  new Uint32Array(data.buffer).set(bits.subarray(0, Math.min(size, bits.length)));
  return {
    step,
    tensors: {
      "model.weight": { shape: [size / 2, 2], data },
      "random.state": { shape: [4], data: Uint8Array.of(0, 255, step, 7) },
    },
    state: { cursor: step * 3, loss: NaN, momentum: -0, order: [2, 0, 1] },
  };
}

async function inFolder(test: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const names = (root: string) => [...Deno.readDirSync(root)].map(({ name }) => name).sort();
const save = async (root: string, steps: number[], options: SaveCheckpointOptions = {}) => {
  for (const step of steps) await saveCheckpoint(root, at(step), options);
};
const silent = { warn: () => {} };

Deno.test("saveCheckpoint() and loadCheckpoint() keep every bit, and the numbers that JSON loses", () =>
  inFolder(async (root) => {
    const saved = await saveCheckpoint(root, { ...at(20), metrics: { accuracy: 0.5 } });
    for (const path of [root, saved]) {
      const { tensors, state, step, metrics, path: from } = await loadCheckpoint(path);
      assert.deepEqual([step, metrics, from], [20, { accuracy: 0.5 }, saved]);
      assert.deepEqual(tensors["model.weight"].shape, [3, 2]);
      const data = tensors["model.weight"].data;
      assert.ok(data instanceof Float32Array);
      assert.deepEqual(new Uint32Array(data.slice().buffer), bits);
      assert.deepEqual(tensors["random.state"].data, Uint8Array.of(0, 255, 20, 7));
      assert.deepEqual(state, { cursor: 60, loss: NaN, momentum: -0, order: [2, 0, 1] });
    }
  }));

Deno.test("saveCheckpoint() keeps the last k and the best by a metric", () =>
  inFolder(async (root) => {
    const accuracy = [0.2, 0.7, 0.4, 0.7, 0.1, 0.3];
    for (const [i, value] of accuracy.entries()) {
      const best = { metric: "accuracy" };
      await saveCheckpoint(root, { ...at(10 * i), metrics: { accuracy: value } }, { keepLast: 2, best });
    }
    assert.deepEqual(names(root), ["00002-step-10", "00005-step-40", "00006-step-50"]);
    assert.equal(await bestCheckpoint(root, { metric: "accuracy" }), join(root, "00002-step-10"));
    assert.equal(
      await bestCheckpoint(root, { metric: "accuracy", higherIsBetter: false }),
      join(root, "00005-step-40"),
    );
    assert.equal(await bestCheckpoint(root, { metric: "reward" }), null);
    assert.equal(await latestCheckpoint(root), join(root, "00006-step-50"));
  }));

Deno.test("latestCheckpoint() is the one saved last, also when a run went back to an earlier step", () =>
  inFolder(async (root) => {
    await save(root, [10, 20, 30], { keepLast: 3 });
    await save(root, [20], { keepLast: 1 });
    assert.deepEqual(names(root), ["00004-step-20"]);
    assert.equal((await loadCheckpoint(root)).step, 20);
  }));

Deno.test("loadCheckpoint() falls back to the one before when a bit is flipped or a file is cut short or missing, and says so", async () => {
  const damage: [string, RegExp, (path: string) => void][] = [];
  for (const file of ["tensors.safetensors", "state.json", "manifest.json"]) {
    for (const where of [0.1, 0.5, 0.99]) {
      damage.push([file, /altered|manifest/, (path) => {
        const bytes = Deno.readFileSync(path);
        bytes[Math.floor(bytes.length * where)] ^= 1;
        Deno.writeFileSync(path, bytes);
      }]);
    }
    damage.push([
      file,
      /cut short|manifest/,
      (path) => Deno.truncateSync(path, Deno.statSync(path).size - 1),
    ]);
    damage.push([file, /cut short|manifest/, (path) => Deno.truncateSync(path, 0)]);
    damage.push([file, /lacks|no readable manifest/, (path) => Deno.removeSync(path)]);
  }
  for (const [file, said, spoil] of damage) {
    await inFolder(async (root) => {
      await save(root, [10, 20]);
      spoil(join(root, "00002-step-20", file));
      const warnings: string[] = [];
      assert.equal((await loadCheckpoint(root, { warn: (message) => warnings.push(message) })).step, 10);
      assert.match(warnings.join(), said);
      assert.match(warnings.join(), /00002-step-20.*using the one before/);
      if (file === "manifest.json") return;
      await assert.rejects(loadCheckpoint(join(root, "00002-step-20")), CheckpointError);
    });
  }
});

Deno.test("saveCheckpoint() writes what a list gained, not what the checkpoint before has, and keeps all of it", () =>
  inFolder(async (root) => {
    const said = (n: number) => `completion ${n} `.repeat(50), completions: unknown[] = [];
    let after: string | undefined, written = 0;
    const count = 64;
    for (let step = 1; step <= count; step++) {
      completions.push({ step, completion: said(step), reward: step % 5 ? step : NaN });
      const saved = await saveCheckpoint(root, { ...at(step), lists: { completions } }, {
        after,
        keepLast: 3,
      });
      for (const { name } of Deno.readDirSync(saved)) {
        const { size, nlink } = Deno.statSync(join(saved, name));
        // a file with one name is new, one with several is the checkpoint before's
        if (name.startsWith("completions-") && nlink === 1) written += size;
      }
      after = saved;
    }
    const whole = JSON.stringify(completions).length;
    // each entry log₂ 64 times at most; all of them each time would be 32 times
    assert.ok(written < 6.5 * whole, `${written} bytes for ${whole}`);
    for (const path of [root, ...names(root).map((name) => join(root, name))]) {
      const { step, lists } = await loadCheckpoint(path);
      assert.deepEqual(lists, { completions: completions.slice(0, step) });
    }
    assert.ok(names(join(root, names(root)[2])).filter((name) => name.startsWith("completions")).length <= 7);
  }));

Deno.test("loadCheckpoint() of a checkpoint whose list is damaged leaves out what is damaged, and says so", () =>
  inFolder(async (root) => {
    const first = await saveCheckpoint(root, { ...at(1), lists: { texts: ["a", "b", "c"] } });
    const second = await saveCheckpoint(root, { ...at(2), lists: { texts: ["a", "b", "c", "d"] } }, {
      after: first,
    });
    assert.deepEqual(names(second).filter((name) => name.startsWith("texts")), [
      "texts-0-3.jsonl",
      "texts-3-4.jsonl",
    ]);
    Deno.truncateSync(join(second, "texts-0-3.jsonl"), 3);
    const warnings: string[] = [],
      { lists, step } = await loadCheckpoint(root, {
        warn: (message) => warnings.push(message),
      });
    assert.deepEqual([lists, step], [{ texts: ["d"] }, 2]);
    assert.match(
      warnings.join(),
      /texts-0-3.jsonl has 3 bytes, its manifest says 12; what it listed is left out/,
    );
    // a list that does not continue the one before is written whole
    const third = await saveCheckpoint(root, { ...at(3), lists: { texts: ["x"] } }, { after: second });
    assert.deepEqual((await loadCheckpoint(third)).lists, { texts: ["x"] });
  }));

Deno.test("saveCheckpoint() keeps a checkpoint though older ones cannot be removed", () =>
  inFolder(async (root) => {
    const { remove, rename } = Deno, warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    await save(root, [10, 20]);
    for (const broken of ["remove", "rename"] as const) {
      try {
        if (broken === "remove") Deno.remove = () => Promise.reject(new Error("busy"));
        else {
          Deno.rename = (from, to) =>
            `${to}`.includes(".removing-") ? Promise.reject(new Error("busy")) : rename(from, to);
        }
        const saved = await saveCheckpoint(root, at(30), { warn });
        assert.equal((await loadCheckpoint(saved)).step, 30);
      } finally {
        [Deno.remove, Deno.rename] = [remove, rename];
      }
      assert.match(
        warnings.pop()!,
        /removing older checkpoints below .* failed: busy; they can be removed by hand/,
      );
    }
    await save(root, [40]);
    assert.deepEqual(names(root).map((name) => name.slice(6)), ["step-30", "step-40"]);
  }));

Deno.test("saveCheckpoint() removes only checkpoints of its own run", () =>
  inFolder(async (root) => {
    await save(root, [1, 2, 3], { run: "a", keepLast: 2 });
    await save(root, [1, 2, 3], { run: "b", keepLast: 1 });
    assert.deepEqual(names(root), ["00002-step-2", "00003-step-3", "00006-step-3"]);
    await save(root, [4], { run: "a", keepLast: 1 });
    assert.deepEqual(names(root), ["00006-step-3", "00007-step-4"]);
  }));

Deno.test("loadCheckpoint() says what to do when there is nothing to load", () =>
  inFolder(async (root) => {
    await assert.rejects(loadCheckpoint(root), (error: Error) =>
      error instanceof CheckpointError && error.message.includes(`${root} holds none that is whole`));
    assert.equal(await latestCheckpoint(join(root, "missing")), null);
    await save(root, [10]);
    Deno.truncateSync(join(root, "00001-step-10", "state.json"), 3);
    await assert.rejects(loadCheckpoint(root, silent), CheckpointError);
    assert.equal(await latestCheckpoint(root, silent), null);
  }));

Deno.test("saveCheckpoint() removes the folders that a kill left unfinished, and nothing else", () =>
  inFolder(async (root) => {
    for (const name of [".saving-abc", ".removing-00001-step-5", "notes"]) {
      Deno.mkdirSync(join(root, name));
      Deno.writeTextFileSync(join(root, name, "file"), "x");
    }
    assert.equal(await latestCheckpoint(root), null);
    await save(root, [10]);
    assert.deepEqual(names(root), ["00001-step-10", "notes"]);
  }));

Deno.test("saveCheckpoint() refuses a step that is no whole number before it writes anything", () =>
  inFolder(async (root) => {
    await assert.rejects(saveCheckpoint(root, at(1.5)), RangeError);
    await assert.rejects(saveCheckpoint(root, at(1), { keepLast: 0 }), RangeError);
    assert.deepEqual(names(root), []);
  }));

/** What must hold after a save that ran out of room: an error that says so, the earlier checkpoint as it was, and a next save that works. */
async function survives(root: string, saveTooMuch: () => Promise<string>, makeRoom: () => void) {
  const message = await saveTooMuch();
  assert.match(
    message,
    /^CheckpointError: saving the checkpoint of step 20 below .* failed: .*training can go on; make room/,
  );
  assert.deepEqual(names(root).filter((name) => name.includes("step")), ["00001-step-10"]);
  assert.equal(names(root).some((name) => name.startsWith(".saving")), false);
  assert.equal((await loadCheckpoint(root)).step, 10);
  makeRoom();
  await save(root, [30]);
  assert.equal((await loadCheckpoint(root)).step, 30);
}

/** Runs `lines` in a Deno of its own, started by `shell`, with what this test imports in scope; its stdout. */
async function inProcess(shell: string, lines: string): Promise<string> {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  const module = import.meta.resolve("../../lib/training/checkpoint.ts");
  await Deno.writeTextFile(path, `import * as checkpoint from ${JSON.stringify(module)};\n${lines}`);
  const config = new URL(import.meta.resolve("../../deno.json")).pathname;
  const command =
    `${shell} "${Deno.execPath()}" run -A --no-check --no-code-cache --config "${config}" "${path}"`;
  const { stdout, stderr } = await new Deno.Command("bash", { args: ["-c", command] }).output();
  await Deno.remove(path);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.ok(stdout.length > 0, text(stderr));
  return text(stdout);
}

Deno.test({
  name:
    "saveCheckpoint() over a limit on file size fails with a CheckpointError and leaves the earlier one intact",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (root) => {
      await save(root, [10]);
      const tooMuch = () =>
        // The signal is ignored, so the system answers the write with an error, as a full disk does.
        inProcess(
          "trap '' XFSZ; ulimit -f 256; exec",
          `const tensors = { weight: { shape: [1 << 20], data: new Float32Array(1 << 20) } };
           try { await checkpoint.saveCheckpoint(${
            JSON.stringify(root)
          }, { step: 20, tensors, state: {} }); console.log("saved"); }
           catch (error) { console.log(error.name + ": " + error.message); }`,
        );
      await survives(root, tooMuch, () => {});
    }),
});

Deno.test({
  name: "saveCheckpoint() on a full disk fails with a CheckpointError and leaves the earlier one intact",
  ignore: !canMount,
  fn: () =>
    onSmallDisk({ kilobytes: 256, ballast: 64 }, async (disk, ballast) => {
      await save(disk, [10]);
      const tooMuch = () => saveCheckpoint(disk, at(20, 60_000)).catch((error) => `${error}`);
      await survives(disk, tooMuch, () => Deno.removeSync(ballast));
    }),
});

Deno.test({
  name:
    "saveCheckpoint() killed again and again always leaves a whole checkpoint, never an older one than before",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (root) => {
      const script = join(root, "save.ts"), saves = join(root, "saves");
      await Deno.writeTextFile(
        script,
        `import { latestCheckpoint, loadCheckpoint, saveCheckpoint } from ${
          JSON.stringify(import.meta.resolve("../../lib/training/checkpoint.ts"))
        };
         const root = ${JSON.stringify(saves)};
         let step = await latestCheckpoint(root) ? (await loadCheckpoint(root)).step : 0;
         const data = new Float32Array(200_000);
         console.log("ready");
         for (;;) {
           data.fill(++step);
           await saveCheckpoint(root, { step, tensors: { data: { shape: [data.length], data } }, state: { step } });
         }`,
      );
      const config = new URL(import.meta.resolve("../../deno.json")).pathname;
      let newest = 0;
      for (const after of [3, 17, 31, 58, 76, 112, 1500]) {
        const args = ["run", "-A", "--no-check", "--config", config, script];
        const child = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
        const output = child.stdout.getReader();
        await output.read();
        await new Promise((resolve) => setTimeout(resolve, after));
        child.kill("SIGKILL");
        await output.cancel();
        await child.status;
        if (await latestCheckpoint(saves) === null) continue;
        const { step, tensors, state } = await loadCheckpoint(saves, {
          warn: (message) => assert.fail(message),
        });
        assert.ok(step >= newest, `${step} is older than ${newest}`);
        assert.deepEqual(state, { step });
        assert.ok(tensors.data.data.every((value) => value === step));
        newest = step;
      }
      assert.ok(newest > 0, "the process was killed before it could save anything");
    }),
});
