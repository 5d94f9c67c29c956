/**
 * `deno task rewards --config r3.yaml`: a configuration's reward as a service for a trainer elsewhere.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { serveRewards } from "../cluster/serve_rewards.ts";
import { loadConfig } from "../config/load_config.ts";
import { PlainError } from "../display/plain_error.ts";
import { compositeReward } from "../rewards/composite.ts";
import { curriculum } from "../schedules/curriculum.ts";

const usage = `deno task rewards --config FILE [options]: serves the reward of a configuration over HTTP.
  --config FILE       a YAML file, or demo, r1 … r5
  --port N            @default 8000
  --hostname NAME     @default 127.0.0.1; another needs a token
  --token-env NAME    the environment variable that holds the token  @default SHOWWORK_REWARD_TOKEN`;

/** Serves until it is told to stop, and returns the exit status. */
async function rewards(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      config: { type: "string" },
      port: { type: "string", default: "8000" },
      hostname: { type: "string", default: "127.0.0.1" },
      "token-env": { type: "string", default: "SHOWWORK_REWARD_TOKEN" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help || !values.config) {
    console.log(usage);
    return values.help ? 0 : 2;
  }
  const { grpo, reward, curriculum: phases } = await loadConfig(values.config);
  const server = serveRewards(compositeReward(reward), {
    steps: grpo.steps,
    samplesPerStep: grpo.promptsPerStep * grpo.generations,
    curriculum: curriculum(phases),
    format: grpo.format,
    hostname: values.hostname,
    port: Number(values.port),
    token: Deno.env.get(values["token-env"]) ?? null,
  });
  console.log(
    `Rewards of ${values.config} at ${server.url}: POST / (OpenRLHF), /verify (NeMo-Gym), /score; GET /health, /metrics`,
  );
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, () => server.close());
  await server.finished;
  return 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await rewards(Deno.args));
  } catch (error) {
    if (!(error instanceof PlainError) && !(error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS")) {
      throw error;
    }
    console.error(`${(error as Error).message}`);
    Deno.exit(1);
  }
}
