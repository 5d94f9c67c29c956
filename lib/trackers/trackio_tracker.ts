import { z } from "zod";
import type { OptionsSchema } from "../options/options_schema.ts";
import { parseOptions } from "../options/parse_options.ts";
import { flatMetrics } from "../training/flat_metrics.ts";
import type { Tracker } from "../training/tracker.ts";
import type { TrackioTrackerOptions } from "./trackio_tracker_options.ts";
import { namedNumbers, postJson, TrackingError } from "./tracking_server.ts";

/** What {@linkcode trackioTracker} takes. */
export const trackioTrackerSchema: OptionsSchema<
  Required<TrackioTrackerOptions>,
  TrackioTrackerOptions
> = z.strictObject({
  baseURL: z.url().describe(
    "The Trackio server, such as http://localhost:7860 or https://OWNER-SPACE.hf.space.",
  ),
  project: z.string().min(1).describe("The project there."),
  run: z.string().min(1).describe("The run's name there; a run that goes on keeps it."),
  writeTokenEnv: z.string().min(1).nullable().default("TRACKIO_WRITE_TOKEN").describe(
    "Environment variable that holds a server's write token. Default TRACKIO_WRITE_TOKEN.",
  ),
  tokenEnv: z.string().min(1).nullable().default("HF_TOKEN").describe(
    "Environment variable that holds the token for a Space. Default HF_TOKEN.",
  ),
  timeoutMs: z.int().min(1).default(20_000).describe("Longest wait for one answer. Default 20000."),
});

/**
 * Sends a run's metrics to a Trackio server, in the requests of its Python client (`POST /api/bulk_log`, trackio 0.43). Every step goes under an id made of
 * project, run and step, which the server takes once: what is sent again, after a fault or by a run that goes on, is not counted twice.
 *
 * @throws {ConfigError} for wrong options
 * @example
 * ```ts ignore
 * import { loadDataset, loadModel, sft, trackioTracker } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma"), data = await loadDataset({ train: [{ source: "generator", count: 100 }] });
 * const trackers = [trackioTracker({ baseURL: "http://localhost:7860", project: "showwork", run: "demo-1" })];
 * const run = await sft(model, data.train, { steps: 100, trackers });
 * ```
 */
export function trackioTracker(options: TrackioTrackerOptions): Tracker {
  const { baseURL, project, run, writeTokenEnv, tokenEnv, timeoutMs } = parseOptions(
    trackioTrackerSchema,
    options,
    "trackioTracker()",
  );
  const root = baseURL.replace(/\/+$/, ""),
    read = (name: string | null) => name === null ? undefined : Deno.env.get(name);
  let config: unknown = null;

  async function send(logs: unknown[]): Promise<void> {
    const writeToken = read(writeTokenEnv), token = read(tokenEnv);
    const { error } = await postJson(
      `${root}/api/bulk_log`,
      { args: [], kwargs: { logs, hf_token: token ?? null } },
      {
        headers: {
          ...(writeToken ? { "x-trackio-write-token": writeToken } : {}),
          ...(token ? { authorization: `Bearer ${token}` } : {}),
        },
        timeoutMs,
      },
    );
    if (error) throw new TrackingError(`sending metrics to ${root}: ${error}`);
  }

  return {
    name: `Trackio at ${root}`,
    begin(tracked) {
      config = { ...tracked.config, stage: tracked.stage };
    },
    log: (steps) =>
      send(steps.map((metrics) => {
        const { step, ...flat } = flatMetrics(metrics);
        return {
          project,
          run,
          run_id: null,
          metrics: namedNumbers(flat),
          step,
          config,
          log_id: `${project}/${run}/${step}`,
        };
      })),
    end() {},
  };
}
