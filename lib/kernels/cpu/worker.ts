import { parentPort } from "node:worker_threads";
import { serve, type WorkerStart } from "./pool.ts";
import { tasks } from "./tasks.ts";

// worker_threads and not a web Worker, because only these can be unref'd: a script would never end
parentPort!.once("message", (start: WorkerStart) => {
  parentPort!.postMessage("ready");
  serve(start, tasks);
});
