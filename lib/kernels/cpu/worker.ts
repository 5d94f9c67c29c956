import { serve, type WorkerStart } from "./pool.ts";
import { tasks } from "./tasks.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<WorkerStart>) => void;
  postMessage(message: unknown): void;
};
scope.onmessage = ({ data }) => {
  scope.postMessage("ready");
  serve(data, tasks);
};
