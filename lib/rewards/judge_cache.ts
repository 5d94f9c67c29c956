import { join } from "node:path";

/** Replies of a judge, kept on disk by the content that was judged. */
export interface JudgeCache {
  /** What was kept, `null` when there is nothing or it cannot be read. */
  read(key: string): Promise<unknown>;
  /** Keeps a value; a disk that is full or read-only costs the cache, not the reward. */
  write(key: string, value: unknown): Promise<void>;
}

/** The key of a content: SHA-256 of its JSON, in hexadecimal. */
export async function contentKey(content: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(content));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A cache in `folder`, one JSON file a key; each is written beside its place and moved there, so none is ever half. */
export function judgeCache(folder: string): JudgeCache {
  const file = (key: string) => join(folder, key.slice(0, 2), `${key}.json`);
  return {
    async read(key) {
      try {
        return JSON.parse(await Deno.readTextFile(file(key)));
      } catch {
        return null;
      }
    },
    async write(key, value) {
      const place = file(key), beside = `${place}.${Deno.pid}.part`;
      try {
        await Deno.mkdir(join(folder, key.slice(0, 2)), { recursive: true });
        await Deno.writeTextFile(beside, JSON.stringify(value) + "\n");
        await Deno.rename(beside, place);
      } catch {
        await Deno.remove(beside).catch(() => {});
      }
    },
  };
}
