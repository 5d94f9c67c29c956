import assert from "node:assert/strict";
import { TrackingError } from "../../lib/trackers/tracking_server.ts";
import { wandbTracker } from "../../lib/trackers/wandb_tracker.ts";
import { begun, inventedSteps } from "./invented_steps.ts";
import { localWandb } from "./local_services.ts";

const apiKeyEnv = "SHOWWORK_TEST_WANDB_KEY";

Deno.test("wandbTracker() makes a run and streams its history, each step once, also after a fault and when it goes on", async () => {
  await using server = localWandb();
  Deno.env.set(apiKeyEnv, "0123456789");
  try {
    const options = { project: "showwork", run: "demo-1", baseURL: `${server.url}/`, apiKeyEnv };
    const first = wandbTracker(options), steps = inventedSteps(1, 4);
    await first.begin(begun);
    await first.log(steps.slice(0, 2));
    server.faults.push(500);
    await assert.rejects(async () => await first.log(steps.slice(2, 3)), /status 500: out of order/);
    await first.log(steps.slice(2));

    const resumed = wandbTracker(options);
    await resumed.begin({ ...begun, resumedStep: 2 });
    await resumed.log(inventedSteps(3, 4));
    await resumed.log([{ ...inventedSteps(5, 5)[0], loss: NaN }]);
    await resumed.end("finished");
    const run = server.runs.get("demo-1")!;
    assert.deepEqual(run.history.map(({ _step }) => _step), [1, 2, 3, 4, 5]);
    assert.equal(run.history[1]["components/correctness/mean"], 0.2);
    assert.equal(run.history[4].loss, "NaN");
    assert.deepEqual(run.config.seed, { value: 1 });
    assert.equal(run.exitcode, 0);
    assert.equal(server.requests[0].authorization, `Basic ${btoa("api:0123456789")}`);
    assert.equal(server.requests.at(-1)!.path, "/files/me/showwork/demo-1/file_stream");

    const failed = wandbTracker({ ...options, run: "demo-2", entity: "team" });
    await failed.begin(begun);
    await failed.end("failed");
    assert.equal(server.runs.get("demo-2")!.exitcode, 1);
    assert.equal(server.requests.at(-1)!.path, "/files/team/showwork/demo-2/file_stream");
  } finally {
    Deno.env.delete(apiKeyEnv);
  }
});

Deno.test("wandbTracker() sends nothing without a key, and says what it lacks", async () => {
  await using server = localWandb();
  const tracker = wandbTracker({ project: "showwork", run: "demo-1", baseURL: server.url, apiKeyEnv });
  await assert.rejects(async () => await tracker.begin(begun), (error: Error) => {
    assert.ok(error instanceof TrackingError);
    assert.match(error.message, /SHOWWORK_TEST_WANDB_KEY must hold the key/);
    return true;
  });
  assert.equal(server.requests.length, 0);
  assert.throws(() => wandbTracker({ project: "showwork", run: "no spaces" }), /letters, digits/);
});
