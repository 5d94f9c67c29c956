/** The colours and type of every figure and table, so that a stage looks the same wherever it is shown. */
export const ink = {
  text: "#1f2933",
  muted: "#66717d",
  line: "#cbd2d9",
  grid: "#e9edf1",
  paper: "#ffffff",
} as const;

/** Told apart by people with any colour vision (checked by lightness as well as hue), strongest first. */
export const seriesColours = [
  "#3b5bdb",
  "#e8590c",
  "#0b8a6a",
  "#9c36b5",
  "#c2255c",
  "#0c8599",
  "#846a00",
  "#495057",
] as const;

/** The stages of the usual pipeline keep their colour from figure to figure. */
export const stageColours: Record<string, string> = {
  base: "#7b8794",
  pretrain: "#846a00",
  sft: "#0b8a6a",
  grpo: "#3b5bdb",
  distill: "#c2255c",
};

/** An algorithm of one's own, beside those. */
export const ownStageColour = "#9c36b5";

/** Curriculum phases, light enough to lie behind a curve. */
export const phaseColours = ["#f3f8fe", "#fff9ee", "#fdf3f5", "#f6f3fd", "#effaf4"] as const;

/** The font of figures; Open Sans is what the saved files are measured with. */
export const fontFamily = "Open Sans, Segoe UI, Helvetica Neue, Arial, sans-serif";

/** `#rrggbb` with an opacity, as CSS `rgba()`. */
export function translucent(colour: string, opacity: number): string {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgba(${r},${g},${b},${opacity})`;
}
