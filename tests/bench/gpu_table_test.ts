import assert from "node:assert/strict";
import type { GpuFigure } from "./gpu_meter.ts";
import { gpuTable, readTorch, tableText, TorchFileError } from "./gpu_table.ts";

/** What `gpu_torch.py --tiny` printed, torch 2.13 on a CPU. */
const recorded = new URL("../fixtures/gpu_torch_tiny.txt", import.meta.url).pathname;
const tiny = { tiny: true, shape: "270m" };

const figures: GpuFigure[] = [
  { name: "copy_gb_per_s", unit: "GB/s", value: 500 },
  { name: "matmul_48_tflops_ours", unit: "TFLOP/s", value: 6, floor: { of: "float32_tflops", value: 10 } },
  { name: "matmul_48_tflops_stock", unit: "TFLOP/s", value: 3 },
  {
    name: "decode_16_bits_1_row_gb_per_s",
    unit: "GB/s",
    value: 200,
    floor: { of: "copy_gb_per_s", value: 500 },
  },
  { name: "sample_tokens_per_s_ours_3_rows", unit: "tokens/s", value: 120 },
  { name: "sft_step_s_ours", unit: "s", value: 0.5 },
  { name: "sft_step_s_stock", unit: "s", value: 2 },
  { name: "grpo_training_s_ours", unit: "s", value: 1 },
];

/** Rows with a target as `figure / floor: ratio verdict`. */
const promises = (rows: ReturnType<typeof gpuTable>) =>
  rows.filter(({ target }) => target).map(({ figure, floorOf, ratio, verdict }) =>
    `${figure} / ${floorOf}: ${ratio.toFixed(3)} ${verdict}`
  );

Deno.test("gpuTable() joins both benches and says of each promise whether it is met", async () => {
  const torch = await readTorch(recorded, tiny),
    rows = gpuTable({ device: "a card", ...tiny, figures }, torch);
  assert.deepEqual(promises(rows), [
    "matmul_48_tflops_ours / matmul_48_tflops_stock: 2.000 missed",
    "matmul_48_tflops_ours / float32_tflops: 0.600 met",
    "decode_16_bits_1_row_gb_per_s / copy_gb_per_s: 0.400 met",
    "sft_step_s_ours / sft_step_s_torch: 0.570 met",
  ]);
  const others = rows.filter(({ target }) => !target).map(({ figure, floorOf, ratio }) =>
    `${figure} / ${floorOf}: ${ratio.toFixed(3)}`
  );
  assert.deepEqual(others, [
    "matmul_48_tflops_ours / matmul_48_tflops_torch: 118.815",
    "sample_tokens_per_s_ours_3_rows / sample_tokens_per_s_torch_3_rows: 8.345",
    "sft_step_s_ours / sft_step_s_stock: 0.250",
    "grpo_training_s_ours / grpo_training_s_torch: 1.708",
  ]);
  assert.match(
    tableText(rows),
    /\nsft_step_s_ours +0\.5 s +0\.8776 sft_step_s_torch +0\.5698 +at most 2\.5 +met\n/,
  );
});

Deno.test("gpuTable() without PyTorch's figures, of the larger model, and of what could not be measured", () => {
  const verdicts = (shape: string, some: GpuFigure[]) =>
    Object.fromEntries(
      gpuTable({ device: "a card", tiny: false, shape, figures: some }, null).map((
        row,
      ) => [row.floorOf, row.verdict]),
    );
  assert.deepEqual(verdicts("270m", figures), {
    matmul_48_tflops_stock: "missed",
    float32_tflops: "met",
    copy_gb_per_s: "met",
    sft_step_s_torch: "no figure",
    sft_step_s_stock: null,
  });
  assert.equal(verdicts("1b", figures).sft_step_s_torch, null);
  const unknown = figures.map((figure) => ({ ...figure, value: NaN }));
  assert.equal(verdicts("270m", unknown).copy_gb_per_s, "no figure");
});

Deno.test("readTorch() names the file and what is wrong with it", async () => {
  const folder = await Deno.makeTempDir(), path = `${folder}/torch.json`;
  const lines = (await Deno.readTextFile(recorded)).trim().split("\n"), json = JSON.parse(lines.at(-1)!);
  const refusals: [string | null, RegExp][] = [
    [null, /torch\.json: there is no such file: make it with python tests\/bench\/gpu_torch\.py/],
    ["skipped: torch sees no CUDA\n", /it has no line of JSON but "skipped: torch sees no CUDA"/],
    ['{"device": "cpu", "tiny', /its last line is no JSON/],
    [
      JSON.stringify({ ...json, tiny: false, shape: "1b" }),
      /it must be of shape 270m and tiny as this run, and it is of 1b/,
    ],
    [JSON.stringify({ ...json, sft_step_s_torch: undefined }), /it has no figure sft_step_s_…/],
    [JSON.stringify({ ...json, sft_step_s_torch: 0 }), /sft_step_s_torch must be a number above 0, got 0/],
  ];
  try {
    for (const [text, message] of refusals) {
      if (text !== null) await Deno.writeTextFile(path, text);
      await assert.rejects(readTorch(path, tiny), (error: Error) => {
        assert.ok(error instanceof TorchFileError && error.message.includes(path));
        assert.match(error.message, message);
        return true;
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
