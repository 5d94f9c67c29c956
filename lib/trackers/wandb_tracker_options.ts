// Generated from the schema by `deno task options`: change it there.

/** Options of `wandbTracker`. */
export interface WandbTrackerOptions {
  /** The project there. */
  project: string;
  /** The run's id there; a run that goes on keeps it. */
  run: string;
  /** Team or user. @default null: the key's own */
  entity?: string | null;
  /** The server. @default https://api.wandb.ai */
  baseURL?: string;
  /** Environment variable that holds the key. @default WANDB_API_KEY */
  apiKeyEnv?: string;
  /** Longest wait for one answer. @default 20000 */
  timeoutMs?: number;
}
