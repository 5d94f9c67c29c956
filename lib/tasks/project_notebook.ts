/** A cell. */
type Cell = { prose: string } | { code: string };

const cells: Cell[] = [
  {
    prose:
      "# Show your work\n\nA small language model learns to answer with its reasoning: first from demonstrations (SFT), then from rewards for " +
      "its own attempts (GRPO). Run the cells from top to bottom; what there is to change is in `config.yaml` and in the cells.",
  },
  {
    code: `import {
  compare, compositeReward, curriculum, evaluate, exportRun, grpo, learningCurves, loadConfig, loadDataset,
  loadModel, sft, useBackend,
} from "showwork";

const backend = await useBackend();
backend`,
  },
  {
    code: `const config = await loadConfig("config.yaml", {
  // tweak here, for example: grpo: { steps: 100 }
});
const model = await loadModel(config.model);
const data = await loadDataset(config.data);
data`,
  },
  { prose: "## Where we start" },
  { code: "const base = await evaluate(model, data.test, config.evaluate);\nbase" },
  { prose: "## Supervised fine-tuning: the form" },
  { code: "const sftRun = await sft(model, data.train, config.sft);\nsftRun" },
  { code: "const afterSft = await evaluate(model, data.test, config.evaluate);\nafterSft" },
  { prose: "## GRPO: what pays" },
  {
    code: `const reward = compositeReward(config.reward);
const grpoRun = await grpo(model, data.train, { ...config.grpo, reward, curriculum: curriculum(config.curriculum) });
grpoRun`,
  },
  { code: "const afterGrpo = await evaluate(model, data.test, config.evaluate);\nafterGrpo" },
  { prose: "## What was learnt" },
  { code: "compare({ base, sft: afterSft, grpo: afterGrpo })" },
  { code: "learningCurves([sftRun, grpoRun])" },
  {
    code: `await exportRun(\`results/\${config.name}\`, {
  config, model, backend, runs: [sftRun, grpoRun], evaluations: { base, afterSft, afterGrpo },
})`,
  },
];

/** The notebook of a new project, as `.ipynb` text without outputs. */
export function projectNotebook(): string {
  const notebook = {
    cells: cells.map((cell, i) => {
      const source = "prose" in cell ? cell.prose : cell.code,
        lines = source.split("\n").map((line, at, all) => at < all.length - 1 ? `${line}\n` : line);
      const common = { id: `cell-${i}`, metadata: {}, source: lines };
      return "prose" in cell
        ? { cell_type: "markdown", ...common }
        : { cell_type: "code", execution_count: null, outputs: [], ...common };
    }),
    metadata: {
      kernelspec: { display_name: "Deno", language: "typescript", name: "deno" },
      language_info: { file_extension: ".ts", name: "typescript" },
    },
    nbformat: 4,
    nbformat_minor: 5,
  };
  return `${JSON.stringify(notebook, null, 1)}\n`;
}
