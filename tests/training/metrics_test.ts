import assert from "node:assert/strict";
import { metricsLog, readMetrics } from "../../lib/training/metrics.ts";
import type { StepMetrics } from "../../lib/training/run.ts";
import { canMount, onSmallDisk } from "./small_disk.ts";

const at = (step: number, loss = step / 7): StepMetrics => ({
  step,
  loss,
  learningRate: 1e-3,
  gradientNorm: 1,
  tokens: 9,
  tokensPerSecond: 3,
  seconds: { total: 3 },
});

async function inFolder(test: (path: string) => void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    test(`${folder}/metrics.jsonl`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("metricsLog() writes each step out before the next one starts", () =>
  inFolder((path) => {
    using log = metricsLog(path);
    for (const step of [1, 2, 3]) {
      log.append(at(step));
      assert.deepEqual(readMetrics(path).at(-1), at(step));
    }
    assert.equal(readMetrics(path).length, 3);
  }));

Deno.test("metricsLog() cuts the steps after the resumed one, and a line that a kill cut short", () =>
  inFolder((path) => {
    const first = metricsLog(path);
    for (let step = 1; step <= 5; step++) first.append(at(step));
    first.close();
    Deno.writeTextFileSync(path, '{"step":6,"loss":0.', { append: true });
    assert.equal(readMetrics(path).length, 5);

    using resumed = metricsLog(path, { resumedStep: 3 });
    resumed.append(at(4, 0.5));
    assert.deepEqual(readMetrics(path), [at(1), at(2), at(3), at(4, 0.5)]);
    assert.ok(Deno.readTextFileSync(path).endsWith("}\n"));
  }));

Deno.test("metricsLog() resumed after its last step appends to it; a new run starts an empty file", () =>
  inFolder((path) => {
    metricsLog(path, { resumedStep: 9 }).close();
    for (const [resumedStep, expected] of [[null, [1]], [1, [1, 2]], [0, [1]], [null, [7]]] as const) {
      using log = metricsLog(path, { resumedStep });
      log.append(at(expected.at(-1)!));
      assert.deepEqual(readMetrics(path).map(({ step }) => step), expected);
    }
  }));

Deno.test("metricsLog() keeps non-finite numbers", () =>
  inFolder((path) => {
    using log = metricsLog(path);
    log.append({ ...at(1), loss: NaN, gradientNorm: Infinity, policyLoss: -0 });
    const [{ loss, gradientNorm, policyLoss }] = readMetrics(path);
    assert.ok(Number.isNaN(loss) && gradientNorm === Infinity && Object.is(policyLoss, -0));
  }));

Deno.test("readMetrics() says which line is broken, and reads a missing file as no steps", () =>
  inFolder((path) => {
    assert.deepEqual(readMetrics(path), []);
    Deno.writeTextFileSync(path, '{"step":1}\nnonsense\n{"step":3}\n');
    assert.throws(() => readMetrics(path), /line 2 of .*metrics\.jsonl is not JSON \(nonsense\)/);
  }));

Deno.test("metricsLog() makes the folder that it writes to", () =>
  inFolder((path) => {
    const inside = `${path}/new/metrics.jsonl`;
    metricsLog(inside).close();
    assert.deepEqual(readMetrics(inside), []);
  }));

Deno.test({
  name: "metricsLog() on a full disk keeps its lines and writes them with the next",
  ignore: !canMount,
  fn: () =>
    onSmallDisk({ kilobytes: 64, ballast: 48 }, (disk, ballast) => {
      const path = `${disk}/metrics.jsonl`,
        long = (step: number) => ({ ...at(step), phase: "x".repeat(9000) });
      using log = metricsLog(path);
      log.append(long(1));
      assert.throws(() => log.append(long(2)), /No space left/);
      assert.deepEqual(readMetrics(path).map(({ step }) => step), [1]);
      Deno.removeSync(ballast);
      log.append(long(3));
      assert.deepEqual(readMetrics(path), [1, 2, 3].map(long));
      return Promise.resolve();
    }),
});
