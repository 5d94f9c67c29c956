// Generated from the schema by `deno task options`: change it there.

/** Options of `trackioTracker`. */
export interface TrackioTrackerOptions {
  /** The Trackio server, such as http://localhost:7860 or https://OWNER-SPACE.hf.space. */
  baseURL: string;
  /** The project there. */
  project: string;
  /** The run's name there; a run that goes on keeps it. */
  run: string;
  /** Environment variable that holds a server's write token. @default TRACKIO_WRITE_TOKEN */
  writeTokenEnv?: string | null;
  /** Environment variable that holds the token for a Space. @default HF_TOKEN */
  tokenEnv?: string | null;
  /** Longest wait for one answer. @default 20000 */
  timeoutMs?: number;
}
