/** Numbers of a first AdamW update. */
export const adamwNumbers = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  step: 1,
  gradientScale: 1,
};
