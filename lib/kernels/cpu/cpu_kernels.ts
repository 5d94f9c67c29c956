import type { Kernels } from "../kernels.ts";
import { adamwKernels } from "./adamw.ts";
import { attentionKernels } from "./attention.ts";
import { decode } from "./decode.ts";
import { embeddingKernels } from "./embedding.ts";
import type { CpuEngine } from "./engine.ts";
import { gatedActivationKernels } from "./gated_activation.ts";
import { projectionKernels } from "./projection.ts";
import { rmsNormKernels } from "./rms_norm.ts";
import { tokenLogprobsKernels } from "./token_logprobs.ts";

/** All operations on the CPU, on tensors of the backend `wasm`. */
export function cpuKernels(engine: CpuEngine): Kernels {
  return {
    embedding: embeddingKernels(engine),
    rmsNorm: rmsNormKernels(engine),
    gatedActivation: gatedActivationKernels(engine),
    projection: projectionKernels(engine),
    attention: attentionKernels(engine),
    tokenLogprobs: tokenLogprobsKernels(engine),
    adamw: adamwKernels(engine),
    addInto(sum, more) {
      engine.kernels.accumulate(engine.at(sum), engine.at(more), more.size);
      return sum;
    },
    decode: (model, prompts, numbers) => decode(engine, model, prompts, numbers),
  };
}
