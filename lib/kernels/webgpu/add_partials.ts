import type * as tf from "@tensorflow/tfjs-core";
import { part } from "./binding.ts";
import type { SettledProduct } from "./product.ts";
import { launch } from "./program.ts";
import { chosenFactor } from "./tile_plan.ts";
import { unrolled } from "./unrolled.ts";

/**
 * Adds up what workgroups found for parts of inner, in their order: partials [parts, rows, Σ columns], the factors' columns side by
 * side, into the product's result, with its scales and biases. One launch.
 */
export function addPartials(partials: tf.Tensor, parts: number, product: SettledProduct): void {
  const { out, rows, widthOut, accumulate, sum } = product,
    factors = sum ? product.factors.slice(0, 1) : product.factors;
  const width = partials.size / parts / rows, biased = factors.map(({ bias }) => bias !== undefined);
  launch({
    key: `add_partials/${[Number(accumulate), ...biased.map(Number)]}`,
    groups: Math.ceil(rows * width / 64),
    reads: {
      partials,
      ...Object.fromEntries(factors.flatMap(({ bias }, i) => bias ? [[`bias${i}`, bias]] : [])),
    },
    writes: { out: part(out) },
    ints: {
      parts,
      width,
      total: rows * width,
      widthOut,
      ...Object.fromEntries(factors.flatMap(({ columns, firstOut }, i) => [
        [`columns${i}`, columns],
        [`firstOut${i}`, firstOut],
      ])),
    },
    floats: Object.fromEntries(factors.map(({ scale }, i) => [`scale${i}`, scale])),
    body: `
  if (index >= u.total) { return; }
  var total = 0.0;
  for (var i = 0; i < u.parts; i++) { total += partials[i * u.total + index]; }
  var column = index % u.width;
  var chosen = 0;
  ${
      unrolled(factors.length - 1, (i) =>
        `if (chosen == ${i} && column >= u.columns${i}) { chosen = ${i + 1}; column -= u.columns${i}; }`)
    }
  ${
      chosenFactor(factors.length, (i) => `
  let at = index / u.width * u.widthOut + u.firstOut${i} + column;
  out[at] = total * u.scale${i}${biased[i] ? ` + bias${i}[column]` : ""}${accumulate ? " + out[at]" : ""};`)
    }`,
  });
}
