/**
 * Rows of a table and their scatter-added gradient on WebGPU (stock gather's gradient needs `UnsortedSegmentSum` over the whole
 * vocabulary).
 */
import type { EmbeddingKernels } from "../kernels.ts";
import { embeddingBackward } from "./embedding_backward.ts";
import { embeddingForward } from "./embedding_forward.ts";

/** Rows of a table on WebGPU. */
export const embeddingKernels: EmbeddingKernels = { forward: embeddingForward, backward: embeddingBackward };
