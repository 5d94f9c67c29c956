import { join } from "node:path";
import { flatMetrics } from "../training/flat_metrics.ts";
import type { Tracker } from "../training/tracker.ts";
import { eventRecord } from "./event_record.ts";

/**
 * Keeps a run's metrics as TensorBoard event files in a folder: `tensorboard --logdir FOLDER`. A run that goes on gets a file of its own there, which voids
 * what the earlier ones say of the steps that are made again, as TensorFlow's and PyTorch's writers do it.
 *
 * @example
 * ```ts
 * import { loadDataset, loadModel, sft, tensorBoardTracker } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 40 }], test: [{ source: "generator", count: 8 }] });
 * await sft(model, data.train, { steps: 2, batchSize: 4, trackers: [tensorBoardTracker(`${await Deno.makeTempDir()}/sft`)] });
 * ```
 */
export function tensorBoardTracker(folder: string): Tracker {
  let path: string | null = null;
  const seconds = () => Date.now() / 1000;
  const write = async (records: Uint8Array[]) => {
    const bytes = new Uint8Array(records.reduce((sum, { length }) => sum + length, 0));
    let place = 0;
    for (const record of records) {
      bytes.set(record, place);
      place += record.length;
    }
    await Deno.writeFile(path!, bytes, { append: true });
  };
  return {
    name: `TensorBoard's folder ${folder}`,
    async begin({ resumedStep }) {
      await Deno.mkdir(folder, { recursive: true });
      const files = Array.from(Deno.readDirSync(folder)).filter(({ name }) =>
        name.startsWith("events.out.tfevents.")
      );
      // files are read in the order of their names
      path = join(
        folder,
        `events.out.tfevents.${Math.floor(seconds())}.showwork.${Deno.pid}.${
          String(files.length).padStart(4, "0")
        }`,
      );
      await write([
        eventRecord({ wallTime: seconds(), fileVersion: "brain.Event:2" }),
        eventRecord({ wallTime: seconds(), step: (resumedStep ?? 0) + 1, start: true }),
      ]);
    },
    async log(steps) {
      await write(steps.map((metrics) => {
        const { step, ...flat } = flatMetrics(metrics);
        const scalars = Object.fromEntries(
          Object.entries(flat).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
        );
        return eventRecord({ wallTime: seconds(), step: Number(step), scalars });
      }));
    },
    end() {},
  };
}
