/**
 * A sandbox's process: JSON lines in, JSON lines out, the reward itself on a thread beside. This thread never runs a reward, so it sees the end
 * of its input and leaves with it: a process that hangs must not outlive the kernel that started it.
 */
import { TextLineStream } from "../display/text_line_stream.ts";

const worker = new Worker(new URL("./sandbox_worker.ts", import.meta.url), { type: "module" });
const encoder = new TextEncoder();
const say = (message: unknown) => Deno.stdout.writeSync(encoder.encode(JSON.stringify(message) + "\n"));

worker.onmessage = ({ data }) => say(data);
worker.onerror = (event) => {
  event.preventDefault();
  console.error(event.message);
  Deno.exit(1);
};
for await (
  const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
) {
  worker.postMessage(JSON.parse(line));
}
Deno.exit(0);
