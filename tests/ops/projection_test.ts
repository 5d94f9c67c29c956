import type * as tf from "@tensorflow/tfjs";
import type { Linear } from "../../lib/kernels/decoder_description.ts";
import { project, projectReference } from "../../lib/ops/projection.ts";
import { normal, type Values } from "../kernels/webgpu/on_webgpu.ts";
import { type OpCase, testAgainstReference } from "./on_each_backend.ts";

interface Shape {
  out: number;
  bias?: boolean;
  rank?: number;
  frozen?: boolean;
}

function own(rows: number, width: number, layers: Shape[]): OpCase {
  const inputs: Values[] = [normal([rows, width], 1)], fixed: Values[] = [];
  // how a layer is put together from the trained inputs and the frozen ones
  const build = layers.map(({ out, bias, rank, frozen }, i) => {
    const place = (values: Values, trained: boolean) => {
      const list = trained ? inputs : fixed, at = list.push(values) - 1;
      return (all: tf.Tensor[]) => all[trained ? at : inputs.length + at];
    };
    const weight = place(normal([out, width], 10 + i, 0.3), !frozen),
      b = bias ? place(normal([out], 20 + i), !frozen) : undefined;
    const a = rank ? place(normal([rank, width], 30 + i, 0.3), true) : undefined,
      up = rank ? place(normal([out, rank], 40 + i, 0.3), true) : undefined;
    return (all: tf.Tensor[]): Linear => ({
      weight: weight(all) as tf.Tensor2D,
      bias: b?.(all) as tf.Tensor1D | undefined,
      trainable: !frozen,
      lora: a && up ? { a: a(all) as tf.Tensor2D, b: up(all) as tf.Tensor2D, scale: 0.7 } : undefined,
    });
  });
  const call = (f: typeof project) => (...all: tf.Tensor[]) =>
    f(all[0] as tf.Tensor2D, build.map((make) => make(all)));
  const words = layers.map(({ out, bias, rank, frozen }) =>
    [out, bias && "bias", rank && `LoRA ${rank}`, frozen && "frozen"].filter(Boolean).join(" ")
  );
  return {
    name: `${rows} × ${width} to ${words.join(", ")}`,
    inputs,
    fixed,
    differences: rows < 6,
    op: call(project),
    reference: call(projectReference),
  };
}

testAgainstReference("project()", [
  own(5, 7, [{ out: 11, bias: true, rank: 3 }, { out: 2 }]),
  own(1, 3, [{ out: 1 }]),
  own(9, 12, [{ out: 8, frozen: true, rank: 2 }, { out: 5, frozen: true, bias: true }, {
    out: 6,
    bias: true,
  }]),
  own(33, 17, [{ out: 20, frozen: true }]),
  own(203, 65, [{ out: 70, bias: true }, { out: 33, rank: 4 }, { out: 31, frozen: true, rank: 4 }]),
]);
