// Generated from the schema by `deno task options`: change it there.

/** Options of `vllmTeacher`. */
export interface VllmTeacherOptions {
  /** The server, such as http://localhost:8000. */
  baseURL: string;
  /** The name that the server knows the teacher by. */
  model: string;
  /** Longest wait for one answer. @default 600000 */
  timeoutMs?: number;
  /** Further attempts after a fault that may pass. @default 4 */
  retries?: number;
  /** Environment variable that holds the key. @default VLLM_API_KEY */
  apiKeyEnv?: string | null;
}
