import { PlainError } from "../../lib/display/plain_error.ts";
import type { GpuFigure } from "./gpu_meter.ts";

/** What a run of `gpu.ts` found. */
export interface GpuResults {
  device: string;
  tiny: boolean;
  /** `270m` or `1b`. */
  shape: string;
  figures: readonly GpuFigure[];
}

/** What `gpu_torch.py` says: its figures by name, all positive. */
export interface TorchResults {
  device: string;
  figures: Record<string, number>;
}

/** A figure beside its floor: the ratio is the one by the other. */
export interface TableRow {
  figure: string;
  unit: string;
  value: number;
  floorOf: string;
  /** NaN where nobody measured it. */
  floor: number;
  ratio: number;
  /** What the ratio should be; `null` where nothing was promised. */
  target: { atLeast: number } | { atMost: number } | null;
  verdict: "met" | "missed" | "no figure" | null;
}

/** The file with PyTorch's figures does not fit this run. */
export class TorchFileError extends PlainError {
  /** What tells it from other errors. */
  override name = "TorchFileError";
}

const makeIt = "make it with python tests/bench/gpu_torch.py > torch.json";

/**
 * PyTorch's figures from what `gpu_torch.py` printed: they must be of this run's shape and sizes.
 * @throws {TorchFileError} which names the file and what is wrong or missing
 */
export async function readTorch(
  path: string,
  { tiny, shape }: Pick<GpuResults, "tiny" | "shape">,
): Promise<TorchResults> {
  const refuse = (what: string) => new TorchFileError(`reading PyTorch's figures from ${path}: ${what}`);
  const text = await Deno.readTextFile(path).catch(() => {
    throw refuse(`there is no such file: ${makeIt}`);
  });
  const line = text.trim().split("\n").findLast((line) => line.startsWith("{"));
  if (!line) throw refuse(`it has no line of JSON but "${text.trim().slice(0, 80)}": ${makeIt}`);
  let found: Record<string, unknown>;
  try {
    found = JSON.parse(line);
  } catch (error) {
    throw refuse(`its last line is no JSON (${(error as Error).message}): ${makeIt}`);
  }
  if (found.tiny !== tiny || found.shape !== shape) {
    throw refuse(
      `it must be of shape ${shape}${tiny ? " and tiny" : ""} as this run, and it is of ${found.shape}${
        found.tiny ? " and tiny" : ""
      }`,
    );
  }
  const figures = Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, number] => entry[0].includes("_torch")),
  );
  for (const kind of ["matmul_", "sample_tokens_per_s_", "sft_step_s_", "grpo_training_s_"]) {
    if (!Object.keys(figures).some((name) => name.startsWith(kind))) {
      throw refuse(`it has no figure ${kind}…: ${makeIt}`);
    }
  }
  const wrong = Object.entries(figures).find(([, value]) => !(value > 0));
  if (wrong) throw refuse(`${wrong[0]} must be a number above 0, got ${wrong[1]}`);
  return { device: String(found.device), figures };
}

/** What was promised of figures whose names begin so, by the floor. */
const promised: [figure: RegExp, floor: RegExp, target: NonNullable<TableRow["target"]>][] = [
  [/^matmul_\d+_tflops_ours$/, /_stock$/, { atLeast: 3 }],
  [/^matmul_\d+_tflops_ours$/, /^float32_tflops$/, { atLeast: 0.5 }],
  [/^decode_16_bits_1_row_gb_per_s$/, /^copy_gb_per_s$/, { atLeast: 0.4 }],
  [/^sft_step_s_ours$/, /_torch$/, { atMost: 2.5 }],
];

/**
 * Every figure that has something to be held to: stock tfjs-webgpu's or PyTorch's figure of the same name, or its own floor. Those with a
 * target come first; where its floor was not measured, the row says so.
 */
export function gpuTable({ figures, shape }: GpuResults, torch: TorchResults | null): TableRow[] {
  const measured = new Map<string, number>([
    ...figures.map(({ name, value }) => [name, value] as const),
    ...Object.entries(torch?.figures ?? {}),
  ]);
  const rows = figures.flatMap(({ name, unit, value, floor }) => {
    const others = ["_stock", "_torch"].map((other) => name.replace("_ours", other));
    const beside = name.includes("_ours") ? others.filter((other) => measured.has(other)) : [];
    if (name === "sft_step_s_ours" && !torch) beside.push("sft_step_s_torch");
    const floors = [
      ...beside.map((of) => ({ of, value: measured.get(of) ?? NaN })),
      ...floor ? [floor] : [],
    ];
    return floors.map((floor): TableRow => {
      const ratio = value / floor.value;
      const target = promised.find(([figure, of]) => figure.test(name) && of.test(floor.of))?.[2] ?? null;
      // the step was promised for one shape
      const held = name.startsWith("sft_") && shape !== "270m" ? null : target;
      const met = held && ("atLeast" in held ? ratio >= held.atLeast : ratio <= held.atMost);
      return {
        figure: name,
        unit,
        value,
        floorOf: floor.of,
        floor: floor.value,
        ratio,
        target: held,
        verdict: held && (Number.isNaN(ratio) ? "no figure" : met ? "met" : "missed"),
      };
    });
  });
  return [...rows.filter(({ target }) => target), ...rows.filter(({ target }) => !target)];
}

/** The table as text, a row a line. */
export function tableText(rows: readonly TableRow[]): string {
  const number = (value: number) => Number.isNaN(value) ? "–" : Number(value.toPrecision(4)).toString();
  const cells = rows.map(({ figure, value, unit, floorOf, floor, ratio, target, verdict }) => [
    figure,
    `${number(value)} ${unit}`,
    `${number(floor)} ${floorOf}`,
    number(ratio),
    target ? ("atLeast" in target ? `at least ${target.atLeast}` : `at most ${target.atMost}`) : "",
    verdict ?? "",
  ]);
  const all = [["figure", "value", "floor", "ratio", "target", ""], ...cells];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) => row.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd()).join("\n");
}
