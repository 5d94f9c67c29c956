/**
 * `deno task bench:peers`: the same work by us and by TRL, transformers and PyTorch, in turn, and the ratios of the medians. Nothing
 * else should run. Opt-in, because it makes a Python environment of its own (`tests/bench/peers/.venv`, some GB): set
 * SHOWWORK_PEERS_PYTHON to a Python that has torch, transformers, trl and datasets to use that instead.
 *
 *     deno task bench:peers [--sizes small,medium] [--rounds 3]
 */
import { parseArgs } from "node:util";
import { type Size, sizes } from "../workload.ts";

const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: Object.keys(sizes).join() },
    rounds: { type: "string", default: "3" },
  },
});
const rounds = Number(values.rounds), chosen = values.sizes.split(",");
if (!(Number.isInteger(rounds) && rounds > 0) || chosen.some((size) => !(size in sizes))) {
  throw new RangeError(
    `choosing what to time: --rounds takes a whole number from 1 and --sizes some of ${
      Object.keys(sizes).join(", ")
    }, got --rounds ${values.rounds} --sizes ${values.sizes}`,
  );
}

const names = ["grpo_step_s", "sample_tokens_per_s", "sft_step_s", "start_s", "peak_rss_mb"] as const;
type Figures = Record<typeof names[number], number>;
/** What the issue asks for: our figure over theirs, at most (times, memory) or at least (tokens a second). */
const targets: Record<Size, Figures> = {
  small: { grpo_step_s: 1 / 3, sample_tokens_per_s: 6, sft_step_s: 0.6, start_s: 0.25, peak_rss_mb: 0.5 },
  medium: { grpo_step_s: 1 / 2, sample_tokens_per_s: 3, sft_step_s: 0.8, start_s: 0.25, peak_rss_mb: 0.5 },
};

async function lastLine(command: string, args: string[]) {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    env: { STARTED_MS: String(Date.now()) },
  }).output();
  if (!success) {
    throw new Error(`running ${command} ${args.join(" ")} failed:\n${new TextDecoder().decode(stderr)}`);
  }
  return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
}

async function python(): Promise<string> {
  const given = Deno.env.get("SHOWWORK_PEERS_PYTHON");
  if (given) return given;
  const folder = new URL(".venv", import.meta.url).pathname, own = `${folder}/bin/python`;
  try {
    await Deno.stat(`${folder}/ready`);
  } catch {
    console.log("making a Python environment for the peers, once: some GB and some minutes");
    for (
      const [command, ...args] of [
        ["python3", "-m", "venv", folder],
        [own, "-m", "pip", "install", "--quiet", "torch==2.13.0", "transformers", "trl", "datasets"],
      ]
    ) {
      const { success } = await new Deno.Command(command, { args }).spawn().status;
      if (!success) {
        throw new Error(`making the peers' environment: ${command} ${args.join(" ")} failed, see above`);
      }
    }
    await Deno.writeTextFile(`${folder}/ready`, "");
  }
  return own;
}

const interpreter = await python(), script = new URL("trl_cpu.py", import.meta.url).pathname;
const bench = new URL("../bench.ts", import.meta.url).pathname;
const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const summary: Record<string, Record<string, unknown>> = {};
for (const size of chosen as Size[]) {
  const ours: Figures[] = [], theirs: Figures[] = [];
  for (let round = 0; round < rounds; round++) {
    const line = await lastLine(Deno.execPath(), ["run", "--allow-all", bench, "--json", "--sizes", size]);
    ours.push(Object.fromEntries(names.map((name) => [name, line[name][size]])) as Figures);
    const alone = await lastLine(interpreter, [script, "--size", size, "--grpo"]);
    const all = await lastLine(interpreter, [script, "--size", size]);
    theirs.push({ ...all, start_s: alone.start_s, peak_rss_mb: alone.peak_rss_mb });
    console.log(`${size}, round ${round + 1} of ${rounds}`);
  }
  console.log(
    `\n${size.padEnd(22)}${"ours".padStart(10)}${"peer".padStart(10)}${"ratio".padStart(9)}   target`,
  );
  summary[size] = {};
  for (const name of names) {
    const [own, peer] = [ours, theirs].map((rounds) => median(rounds.map((figures) => figures[name])));
    const ratio = own / peer, target = targets[size][name], more = name === "sample_tokens_per_s";
    const met = more ? ratio >= target : ratio <= target;
    const cells = [own, peer, ratio].map((x) => x.toPrecision(3).padStart(x === ratio ? 9 : 10)).join("");
    console.log(
      `  ${name.padEnd(20)}${cells}   ${more ? "at least" : "at most"} ${target.toPrecision(2)}: ${
        met ? "met" : "missed"
      }`,
    );
    summary[size][name] = { ours: own, peer, ratio, target, met };
  }
  console.log();
}
console.log(JSON.stringify(summary, (_, x) => typeof x === "number" ? Number(x.toPrecision(4)) : x));
