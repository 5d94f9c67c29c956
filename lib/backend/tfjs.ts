/**
 * tfjs as the toolkit uses it, the import map's `@tensorflow/tfjs`: the core, the gradients of its operations and the plain CPU
 * backend. The package of that name brings 160 MB of layers, converters and data readers beside them.
 *
 * `gradients.js` is tfjs-core's own `register_all_gradients`, which cannot be imported as it is published (paths without
 * extensions): `deno task gradients` bundles it. Its engine and registries are the global ones.
 */
export * from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "./gradients.js";
