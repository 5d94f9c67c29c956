import assert from "node:assert/strict";
import { attentionBackward } from "../../../lib/kernels/webgpu/attention_backward.ts";
import { attentionForward } from "../../../lib/kernels/webgpu/attention_forward.ts";
import { sampleTokens } from "../../../lib/kernels/webgpu/sample_tokens.ts";
import { tokenLogprobsForward } from "../../../lib/kernels/webgpu/token_logprobs_forward.ts";
import { counterGumbel } from "../../../lib/random/counter_random.ts";
import { integers, normal, testOnWebgpu, valuesOn } from "./on_webgpu.ts";
import { sampled, trained } from "./passes.ts";
import { tinyConfig, tinyDecoder } from "./tiny_decoder.ts";

/** Causal attention of one key head and its gradients in float64; all [length, heads or 1, headDim]. */
function attentionOracle(
  [q, k, v, dy]: Float64Array[],
  { length, heads, headDim, scale }: { length: number; heads: number; headDim: number; scale: number },
) {
  const out = new Float64Array(q.length), dq = new Float64Array(q.length);
  const dk = new Float64Array(k.length), dv = new Float64Array(v.length);
  const dot = (x: Float64Array, i: number, y: Float64Array, j: number) => {
    let sum = 0;
    for (let d = 0; d < headDim; d++) sum += x[i * headDim + d] * y[j * headDim + d];
    return sum;
  };
  for (let t = 0; t < length; t++) {
    for (let head = 0; head < heads; head++) {
      const row = t * heads + head,
        scores = Array.from({ length: t + 1 }, (_, j) => scale * dot(q, row, k, j));
      const top = Math.max(...scores), weights = scores.map((s) => Math.exp(s - top));
      const mass = weights.reduce((a, b) => a + b, 0), p = weights.map((w) => w / mass);
      const g = p.map((_, j) => dot(dy, row, v, j)), delta = p.reduce((sum, x, j) => sum + x * g[j], 0);
      for (let j = 0; j <= t; j++) {
        const ds = p[j] * (g[j] - delta) * scale;
        for (let d = 0; d < headDim; d++) {
          out[row * headDim + d] += p[j] * v[j * headDim + d];
          dq[row * headDim + d] += ds * k[j * headDim + d];
          dk[j * headDim + d] += ds * q[row * headDim + d];
          dv[j * headDim + d] += p[j] * dy[row * headDim + d];
        }
      }
    }
  }
  return [out, dq, dk, dv];
}

testOnWebgpu("attention at head size 256 agrees with float64, forward and backward", async () => {
  const length = 70, heads = 4, headDim = 256, scale = 1 / 16;
  const query = [1, length, heads, headDim], key = [1, length, 1, headDim];
  const inputs = [normal(query, 1), normal(key, 2), normal(key, 3), normal(query, 4)];
  const expected = attentionOracle(inputs.map(({ data }) => Float64Array.from(data)), {
    length,
    heads,
    headDim,
    scale,
  });
  const actual = await valuesOn("webgpu", inputs, (q, k, v, dy) => {
    const { out, logSumExp } = attentionForward(q, k, v, null, { scale });
    const { dq, dk, dv } = attentionBackward(dy, q, k, v, out, logSumExp, null, { scale });
    return [out, dq, dk, dv];
  });
  for (const [i, values] of actual.entries()) {
    const worst = values.reduce((most, x, j) => Math.max(most, Math.abs(x - expected[i][j])), 0);
    assert.ok(worst < 2e-5, `result ${i} is off by ${worst}`);
  }
});

const vocabulary = 262_144;

testOnWebgpu("log-probabilities over a vocabulary of 262,144 agree with float64", async () => {
  const rows = 3, width = 4, hidden = normal([rows, width], 1), table = normal([vocabulary, width], 2);
  const targets = integers([5, 262_143, 100_000]);
  const [logprob, entropy] = await valuesOn("webgpu", [hidden, table, targets], (h, e, targets) => {
    const { logprobs, entropy } = tokenLogprobsForward(h, e, targets);
    return [logprobs, entropy];
  });
  for (let row = 0; row < rows; row++) {
    const z = Float64Array.from({ length: vocabulary }, (_, id) => {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += hidden.data[row * width + i] * table.data[id * width + i];
      return sum;
    });
    const top = z.reduce((a, b) => Math.max(a, b)), mass = z.reduce((sum, x) => sum + Math.exp(x - top), 0);
    const moment = z.reduce((sum, x) => sum + Math.exp(x - top) * (x - top), 0);
    const expected = z[targets.data[row]] - top - Math.log(mass);
    assert.ok(Math.abs(logprob[row] - expected) < 5e-5, `${logprob[row]}, expected ${expected}`);
    assert.ok(Math.abs(entropy[row] - (Math.log(mass) - moment / mass)) < 2e-4);
  }
});

testOnWebgpu("sampleTokens() draws from a vocabulary of 262,144 as float64 does", async () => {
  const rows = 3, logits = normal([rows, vocabulary], 7, 3), seeds = integers([1, -5, 77]), counter = 9;
  const [ids, logprobs] = await valuesOn("webgpu", [logits, seeds], (logits, seeds) => {
    const { ids, logprob } = sampleTokens(logits, { seeds, counter });
    return [ids, logprob];
  });
  for (let row = 0; row < rows; row++) {
    const z = Float64Array.from(logits.data.subarray(row * vocabulary, (row + 1) * vocabulary));
    const scores = z.map((x, id) => x + counterGumbel(seeds.data[row], counter, id));
    const best = scores.reduce((a, b) => Math.max(a, b));
    assert.ok(best - scores[ids[row]] < 1e-4, `row ${row}: token ${ids[row]}`);
    const top = z.reduce((a, b) => Math.max(a, b)), mass = z.reduce((sum, x) => sum + Math.exp(x - top), 0);
    assert.ok(Math.abs(logprobs[row] - (z[ids[row]] - top - Math.log(mass))) < 1e-4);
  }
});

testOnWebgpu("a training step and a decoding are the same to the bit 20 times", async () => {
  const decoder = tinyDecoder(tinyConfig), hashes = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const gradients = await trained(decoder),
      drawn = await sampled(decoder, { topK: 0, topP: 0.9, minP: 0 });
    const bits = Float32Array.from([
      ...gradients.flatMap((x) => [...x]),
      ...drawn.flatMap(({ logprobs }) => logprobs),
    ]);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bits.buffer));
    hashes.add(digest.toHex() + JSON.stringify(drawn.map(({ tokens }) => tokens)));
  }
  decoder.dispose();
  assert.equal(hashes.size, 1);
});
