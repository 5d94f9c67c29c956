import { z } from "zod";
import type { OptionsSchema } from "../options/options_schema.ts";
import { parseOptions } from "../options/parse_options.ts";
import { flatMetrics } from "../training/flat_metrics.ts";
import type { Tracker } from "../training/tracker.ts";
import type { WandbTrackerOptions } from "./wandb_tracker_options.ts";
import { namedNumbers, postJson, TrackingError } from "./tracking_server.ts";

/** What {@linkcode wandbTracker} takes. */
export const wandbTrackerSchema: OptionsSchema<
  Required<WandbTrackerOptions>,
  WandbTrackerOptions
> = z.strictObject({
  project: z.string().min(1).describe("The project there."),
  run: z.string().regex(/^[\w.-]+$/, "must be letters, digits, dots, underscores and hyphens").describe(
    "The run's id there; a run that goes on keeps it.",
  ),
  entity: z.string().min(1).nullable().default(null).describe("Team or user. Default null: the key's own."),
  baseURL: z.url().default("https://api.wandb.ai").describe("The server. Default https://api.wandb.ai."),
  apiKeyEnv: z.string().min(1).default("WANDB_API_KEY").describe(
    "Environment variable that holds the key. Default WANDB_API_KEY.",
  ),
  timeoutMs: z.int().min(1).default(20_000).describe("Longest wait for one answer. Default 20000."),
});

const held = z.object({
  data: z.object({
    model: z.object({
      bucket: z.object({ historyLineCount: z.number().nullable(), historyTail: z.string().nullable() })
        .nullable(),
    }).nullable(),
  }),
});
const upserted = z.object({
  data: z.object({
    upsertBucket: z.object({
      bucket: z.object({ project: z.object({ name: z.string(), entity: z.object({ name: z.string() }) }) }),
    }),
  }),
});

const resumeQuery =
  `query RunResumeStatus($project: String, $entity: String, $name: String!) { model(name: $project, entityName: $entity) {
  bucket(name: $name, missingOk: true) { historyLineCount historyTail } } }`;
const upsertQuery =
  `mutation UpsertBucket($name: String, $project: String, $entity: String, $displayName: String, $config: JSONString) {
  upsertBucket(input: { name: $name, modelName: $project, entityName: $entity, displayName: $displayName, config: $config }) {
  bucket { project { name entity { name } } } } }`;

/** The last step of the lines that a run's history ends with; 0 without any. */
function lastStep(tail: string | null): number {
  const lines: unknown = JSON.parse(tail ?? "[]");
  const steps = (Array.isArray(lines) ? lines : []).map((line) => Number(JSON.parse(String(line))._step));
  return Math.max(0, ...steps.filter(Number.isFinite));
}

/**
 * Sends a run's metrics to Weights & Biases, in the requests of its Python client (0.31): a run made by `UpsertBucket`, its history line by line by
 * `file_stream`. What a run that goes on makes again is not sent again: the steps that are there stay as they were, and a fork needs a `run` of its own.
 *
 * @throws {ConfigError} for wrong options
 * @example
 * ```ts ignore
 * import { loadDataset, loadModel, sft, wandbTracker } from "../../mod.ts";
 * const model = await loadModel("data/models/tiny-gemma"), data = await loadDataset({ train: [{ source: "generator", count: 100 }] });
 * const trackers = [wandbTracker({ project: "showwork", run: "demo-1" })]; // the key from WANDB_API_KEY
 * const run = await sft(model, data.train, { steps: 100, trackers });
 * ```
 */
export function wandbTracker(options: WandbTrackerOptions): Tracker {
  const { project, run, entity, baseURL, apiKeyEnv, timeoutMs } = parseOptions(
    wandbTrackerSchema,
    options,
    "wandbTracker()",
  );
  const root = baseURL.replace(/\/+$/, "");
  /** What the server has of the run. */
  let stream = "", lines = 0, sent = 0, started = Date.now();

  const send = (path: string, body: unknown) => {
    const key = Deno.env.get(apiKeyEnv);
    if (!key) {
      throw new TrackingError(
        `sending metrics to ${root}: the environment variable ${apiKeyEnv} must hold the key`,
      );
    }
    return postJson(`${root}${path}`, body, {
      headers: { authorization: `Basic ${btoa(`api:${key}`)}` },
      timeoutMs,
    });
  };

  async function ask<T>(schema: z.ZodType<T>, query: string, variables: Record<string, unknown>): Promise<T> {
    const answer = await send("/graphql", { query, variables }), read = schema.safeParse(answer);
    if (read.success) return read.data;
    throw new TrackingError(
      `sending metrics to ${root}: it answered ${
        JSON.stringify(answer).slice(0, 300)
      }; is the project there, and the key's?`,
    );
  }

  return {
    name: `Weights & Biases at ${root}`,
    async begin({ stage, name, config }) {
      const { data: { model } } = await ask(held, resumeQuery, { project, entity, name: run });
      lines = model?.bucket?.historyLineCount ?? 0;
      sent = lastStep(model?.bucket?.historyTail ?? null);
      const values = Object.entries({ ...config, stage }).map(([key, value]) => [key, { value }]);
      const { data } = await ask(upserted, upsertQuery, {
        name: run,
        project,
        entity,
        displayName: name === stage ? run : name,
        config: JSON.stringify(Object.fromEntries(values)),
      });
      const { bucket } = data.upsertBucket;
      stream = `/files/${bucket.project.entity.name}/${bucket.project.name}/${run}/file_stream`;
      started = Date.now();
    },
    async log(steps) {
      const fresh = steps.filter(({ step }) => step > sent);
      if (fresh.length === 0) return;
      const content = fresh.map((metrics) => {
        const { step, ...flat } = flatMetrics(metrics), now = Date.now();
        return JSON.stringify({
          ...namedNumbers(flat),
          _step: step,
          _timestamp: now / 1000,
          _runtime: (now - started) / 1000,
        });
      });
      await send(stream, {
        files: {
          "wandb-history.jsonl": { offset: lines, content },
          "wandb-summary.json": { offset: 0, content: [content.at(-1)] },
        },
      });
      lines += content.length;
      sent = fresh.at(-1)!.step;
    },
    async end(ended) {
      await send(stream, { files: {}, complete: true, exitcode: ended === "failed" ? 1 : 0 });
    },
  };
}
