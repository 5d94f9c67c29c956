// Generated from the schema by `deno task options`: change it there.

/** Options of `serveRewards`. */
export interface ServeRewardsSettings {
  /** Steps of the run, over which weights anneal. @default 200 */
  steps?: number;
  /** Completions a step: trainers that send no step (OpenRLHF, NeMo-Gym) are counted. @default 64 */
  samplesPerStep?: number;
  /** Where to listen; another than the loopback needs a token. @default 127.0.0.1 */
  hostname?: string;
  /** 0 takes a free one. @default 0 */
  port?: number;
  /** What `Authorization: Bearer` must hold. @default null: none, on the loopback only */
  token?: string | null;
  /** Completions being scored at once; a request past it is answered 429 with Retry-After. @default 512 */
  maxInFlight?: number;
  /** Largest request; 413 past it. @default 8 MiB */
  maxBodyBytes?: number;
}
