/**
 * How much CPU time answersMatch takes on random answers: `deno run -A tests/bench/answers_fuzz.ts [count] [seed]`. A third is nonsense, a third
 * formulas, a third pairs of the tests' tables with pieces swapped, doubled and dropped.
 */
import { answersMatch } from "../../lib/answers/answers_match.ts";
import brothers from "../answers/brothers.json" with { type: "json" };
import { formula, nonsense, processorTime, seeded } from "../answers/hostile_answers.ts";

const [count, seed] = [Number(Deno.args[0] ?? 5000), Number(Deno.args[1] ?? 1)];
const random = seeded(seed), below = (n: number) => Math.floor(random() * n);
const texts = (Object.values(brothers) as [string, string, boolean][][]).flat().flatMap(([a, b]) => [a, b]);

/** A text of the tables with one to four pieces of others in it. */
function mutated(): string {
  let text = texts[below(texts.length)];
  for (let times = 1 + below(4); times > 0; times--) {
    const at = below(text.length + 1), other = texts[below(texts.length)];
    const piece = random() < 0.5 ? other : text.slice(below(text.length + 1));
    text = text.slice(0, at) + piece + text.slice(at + below(4));
  }
  return text;
}

const makers = [() => nonsense(random), () => formula(random), mutated];
const times: [milliseconds: number, answer: string, reference: string][] = [];
for (let i = 0; i < count; i++) {
  const make = makers[i % 3], answer = make(), reference = make();
  times.push([processorTime(() => answersMatch(answer, reference)), answer, reference]);
}
times.sort(([a], [b]) => b - a);
const [slowest, answer, reference] = times[0];
console.log(
  `${count} pairs, seed ${seed}: median ${times[count >> 1][0].toFixed(3)} ms, 99.9 % within ${
    times[Math.floor(count / 1000)][0].toFixed(1)
  } ms, slowest ${slowest.toFixed(1)} ms on ${JSON.stringify(answer.slice(0, 80))} against ${
    JSON.stringify(reference.slice(0, 80))
  }`,
);
