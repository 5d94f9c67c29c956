/**
 * Every test of the kernels as one module, so that one file takes them to a machine with a card and nothing but Deno:
 *
 *     deno bundle -o kernels.js tests/kernels/webgpu/every_kernel.ts && deno test -A --unstable-webgpu kernels.js
 */
// first: it looks at kernels as they are compiled
import "./limits_test.ts";
import "./adamw_test.ts";
import "./attention_test.ts";
import "./decode_test.ts";
import "./decoder_test.ts";
import "./embedding_test.ts";
import "./gated_activation_test.ts";
import "./heads_test.ts";
import "./install_kernels_test.ts";
import "./multiply_test.ts";
import "./multiply_tiles_test.ts";
import "./precision_test.ts";
import "./program_test.ts";
import "./projection_test.ts";
import "./quantised_test.ts";
import "./real_shapes_test.ts";
import "./rms_norm_test.ts";
import "./sample_tokens_test.ts";
import "./token_logprobs_test.ts";
