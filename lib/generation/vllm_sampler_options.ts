// Generated from the schema by `deno task options`: change it there.

/** Options of `vllmSampler`. */
export interface VllmSamplerOptions {
  /** The server, such as http://localhost:8000. */
  baseURL: string;
  /** A folder that this machine and the server both see: each step's adapter is written there. */
  adapterDir: string;
  /** Longest wait for one answer. @default 600000 */
  timeoutMs?: number;
  /** Further attempts after a fault that may pass. @default 4 */
  retries?: number;
  /** Environment variable that holds the key. @default VLLM_API_KEY */
  apiKeyEnv?: string | null;
}
