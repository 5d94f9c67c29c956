/** A BLAS library that was found. */
export interface BlasLibrary {
  path: string;
  /** The prefix of its symbols, such as `scipy_` in the wheel scipy-openblas32. */
  prefix: string;
  /** What is before and after the names of its inner kernels, where they can be called: see `blas_kernels.ts`. */
  kernels: [string, string] | null;
  /** Whether it multiplies small matrices without copying them first: OpenBLAS on processors with AVX-512. */
  smallProducts: boolean;
}
