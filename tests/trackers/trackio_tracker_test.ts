import assert from "node:assert/strict";
import { trackioTracker } from "../../lib/trackers/trackio_tracker.ts";
import { begun, inventedSteps } from "./invented_steps.ts";
import { localTrackio } from "./local_services.ts";

const options = {
  project: "showwork",
  run: "demo-1",
  writeTokenEnv: "SHOWWORK_TEST_WRITE_TOKEN",
  tokenEnv: null,
};

Deno.test("trackioTracker() sends each step once, also after a fault and when the run goes on", async () => {
  await using server = localTrackio();
  Deno.env.set(options.writeTokenEnv, "secret");
  try {
    const first = trackioTracker({ ...options, baseURL: server.url }), steps = inventedSteps(1, 4);
    await first.begin(begun);
    await first.log(steps.slice(0, 3));
    server.faults.push(503);
    await assert.rejects(async () => await first.log(steps.slice(3)), /status 503/);
    await first.log(steps.slice(3));
    const resumed = trackioTracker({ ...options, baseURL: server.url });
    await resumed.begin({ ...begun, resumedStep: 2 });
    await resumed.log([...inventedSteps(3, 4), { ...inventedSteps(5, 5)[0], loss: Infinity }]);
    const logs = [...server.logs.values()];
    assert.deepEqual(logs.map(({ step }) => step), [1, 2, 3, 4, 5]);
    assert.equal(logs[3].metrics["evaluation/accuracy"], 0.2);
    assert.equal(logs[4].metrics.loss, "Infinity");
    assert.deepEqual(logs[0].config, { steps: 6, seed: 1, stage: "grpo" });
    assert.equal(server.requests[0].writeToken, "secret");
    assert.equal(server.requests[0].authorization, null);
  } finally {
    Deno.env.delete(options.writeTokenEnv);
  }
});

const python = Deno.env.get("SHOWWORK_TRACKERS_PYTHON");

Deno.test({
  name:
    "trackioTracker() is taken by a real Trackio server, what is sent twice once (SHOWWORK_TRACKERS_PYTHON)",
  ignore: !python,
  async fn() {
    const home = await Deno.makeTempDir();
    Deno.env.set(options.writeTokenEnv, "secret");
    const server = new Deno.Command(python!, {
      args: [new URL("./trackio_server.py", import.meta.url).pathname],
      env: { TRACKIO_DIR: home, TRACKIO_WRITE_TOKEN: "secret", GRADIO_ANALYTICS_ENABLED: "False" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    try {
      let said = "";
      for await (const text of server.stdout.pipeThrough(new TextDecoderStream())) {
        said += text;
        if (/URL \S+\n/.test(said)) break;
      }
      const baseURL = /URL (http:\/\/[^/\s]+)/.exec(said)![1];
      const tracker = trackioTracker({ ...options, baseURL });
      await tracker.begin(begun);
      await tracker.log(inventedSteps(1, 4));
      await tracker.begin({ ...begun, resumedStep: 2 });
      await tracker.log(inventedSteps(3, 6));
      const response = await fetch(`${baseURL}/api/get_run_summary`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-trackio-write-token": "secret" },
        body: JSON.stringify({ args: [], kwargs: { project: "showwork", run: "demo-1" } }),
      });
      const { data } = await response.json();
      assert.deepEqual([data.num_logs, data.last_step], [6, 6]);
      assert.ok(data.metrics.includes("components/correctness/mean"));
    } finally {
      await server.stdin.close();
      server.kill();
      await server.status;
      Deno.env.delete(options.writeTokenEnv);
      await Deno.remove(home, { recursive: true });
    }
  },
});
