import assert from "node:assert/strict";
import { counterGumbel } from "../../../lib/random/counter_random.ts";
import { samplingFloor } from "../../../lib/kernels/sampling_floor.ts";
import { launchCount } from "../../../lib/kernels/webgpu/program.ts";
import { sampleTokens } from "../../../lib/kernels/webgpu/sample_tokens.ts";
import { integers, normal, testWithAndWithoutSubgroups, valuesOn } from "./on_webgpu.ts";

const seedsOf = (rows: number) =>
  integers(Array.from({ length: rows }, (_, i) => Math.imul(i + 1, 0x9e3779b1) | 0));
/** Rows of one chunk, and of three, of which many tokens are equal. */
const small = normal([40, 301], 1, 2), large = normal([3, 9001], 2, 3);
large.data.forEach((x, i) => large.data[i] = i % 5 ? x : Math.round(x));

const settings = [
  { title: "no filter", temperature: 0.8 },
  { title: "top-k 1", temperature: 1, topK: 1 },
  { title: "top-k", temperature: 1.5, topK: 5 },
  { title: "top-p", temperature: 1.3, topP: 0.7 },
  { title: "min-p", temperature: 2, minP: 0.1 },
  { title: "all filters", temperature: 2, topK: 20, topP: 0.9, minP: 0.02 },
  { title: "top-k and top-p over chunks", temperature: 1, topK: 64, topP: 0.95, logits: large },
  { title: "top-p over chunks", temperature: 0.7, topP: 0.9, logits: large },
  { title: "min-p over chunks", temperature: 0.7, minP: 0.05, logits: large },
  { title: "no filter over chunks", temperature: 1, logits: large },
  { title: "greedy over chunks", temperature: 0, logits: large },
  { title: "top-p that keeps more than are put in order", temperature: 8, topP: 0.9, logits: large },
  {
    title: "top-k that keeps more than are put in order, then top-p",
    temperature: 2,
    topK: 3000,
    topP: 0.8,
    logits: large,
  },
  { title: "sharp logits", temperature: 0.02, topK: 50, topP: 0.99, logits: large },
  { title: "greedy", temperature: 0 },
];

for (const { title, temperature, topK = 0, topP = 1, minP = 0, logits = small } of settings) {
  const [rows, vocabulary] = logits.shape, seeds = seedsOf(rows);
  testWithAndWithoutSubgroups(
    `sampleTokens() gives the CPU's tokens and log-probabilities: ${title}`,
    async () => {
      for (const counter of [0, 7]) {
        const [ids, logprobs] = await valuesOn("webgpu", [logits, seeds], (logits, seeds) => {
          const before = launchCount();
          const { ids, logprob } = sampleTokens(logits, { temperature, topK, topP, minP, seeds, counter });
          // chunks of the logits, then the row
          assert.equal(launchCount() - before, 2);
          return [ids, logprob];
        });
        for (let row = 0; row < rows; row++) {
          const own = (logits.data as Float32Array).subarray(row * vocabulary, (row + 1) * vocabulary);
          const beta = temperature === 0 ? 1 : 1 / temperature,
            floor = samplingFloor(own, Math.fround(beta), { topK, topP, minP });
          let best = -Infinity, token = -1;
          for (const [id, x] of own.entries()) {
            const z = Math.fround(x * Math.fround(beta));
            const score = temperature === 0
              ? z
              : z < floor
              ? -Infinity
              : z + counterGumbel(seeds.data[row], counter, id);
            if (score > best) [best, token] = [score, id];
          }
          assert.equal(ids[row], token, `row ${row}`);
          const logprob = own[token] * beta - Math.log(own.reduce((sum, x) => sum + Math.exp(x * beta), 0));
          assert.ok(
            Math.abs(logprobs[row] - logprob) < 1e-4,
            `row ${row}: ${logprobs[row]}, expected ${logprob}`,
          );
        }
      }
    },
  );
}
