/**
 * What the reward server carries: requests a second and their times at a load that it bears, then ten times as many at once as it takes,
 * where every request must be answered, 200 or 429, and those answered 429 are sent again until they are taken.
 *
 * `deno run --allow-all tests/bench/reward_server.ts`
 */
import { compositeReward, generateProblems, serveRewards } from "../../mod.ts";

const problems = generateProblems({ count: 200, seed: 3 });
const bodies = problems.map((problem, step) =>
  JSON.stringify({
    samples: Array.from({ length: 8 }, (_, i) => ({
      completion: `<reasoning>${problem.reasoning} Therefore ${problem.answer}.</reasoning><answer>${
        i % 2 ? problem.answer : "0"
      }</answer>`,
      problem,
      step,
    })),
  })
);

interface Outcome {
  seconds: number;
  refusals: number;
  results: number;
}

/** Sends a body until it is taken. */
async function send(url: string, body: string): Promise<Outcome> {
  const started = performance.now();
  for (let refusals = 0;; refusals++) {
    const response = await fetch(`${url}/score`, { method: "POST", body });
    const { results } = await response.json();
    if (response.status === 200) {
      return { seconds: (performance.now() - started) / 1000, refusals, results: results.length };
    }
    if (response.status !== 429) throw new Error(`the server answered ${response.status}`);
    await new Promise((done) => setTimeout(done, 20 + refusals * 5));
  }
}

/** `count` requests, `atOnce` of them under way at any time. */
async function load(url: string, count: number, atOnce: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) outcomes.push(await send(url, bodies[next++ % bodies.length]));
  }));
  return outcomes;
}

for (
  const [what, count, atOnce, maxInFlight] of [["within its limit", 2000, 16, 512], [
    "10 × its limit",
    2000,
    160,
    128,
  ]] as const
) {
  // a judge that takes its time is what makes requests pile up
  const judge = () => new Promise<number>((done) => setTimeout(() => done(1), 20));
  const reward = compositeReward({
    preset: "r3",
    components: maxInFlight < 512 ? { judge: { weight: 0.1, reward: judge } } : {},
  });
  await using server = serveRewards(reward, { maxInFlight });
  await load(server.url, 200, 4);
  const started = performance.now(), outcomes = await load(server.url, count, atOnce);
  const seconds = (performance.now() - started) / 1000,
    times = outcomes.map((outcome) => outcome.seconds).sort((a, b) => a - b);
  const at = (share: number) => `${(1000 * times[Math.floor(share * (times.length - 1))]).toFixed(1)} ms`;
  console.log(
    `${what}: ${outcomes.length} of ${count} requests of 8 completions answered whole (${
      outcomes.filter(({ results }) => results !== 8).length
    } not), ${(count / seconds).toFixed(0)} requests/s, p50 ${at(0.5)}, p99 ${
      at(0.99)
    }, refused and sent again ${outcomes.reduce((sum, { refusals }) => sum + refusals, 0)}`,
  );
}
