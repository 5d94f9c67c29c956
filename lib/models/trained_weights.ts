/** What weights have been through in this process. */
export interface TrainedBefore {
  /** The run's name. */
  name: string;
  steps: number;
}

const trained = new WeakMap<object, TrainedBefore[]>();

/** The runs that trained `weights` (a decoder) before, oldest first; runs of one name that follow one another are one. */
export function trainedBefore(weights: object): TrainedBefore[] {
  return structuredClone(trained.get(weights) ?? []);
}

/** Notes that `steps` more updates were made to `weights`. */
export function noteTraining(weights: object, { name, steps }: TrainedBefore): void {
  if (steps <= 0) return;
  const before = trainedBefore(weights), last = before.at(-1);
  if (last?.name === name) last.steps += steps;
  else before.push({ name, steps });
  trained.set(weights, before);
}

/** Restores the record of what trained `weights`, where they were restored themselves. */
export function setTrainedBefore(weights: object, before: TrainedBefore[]): void {
  trained.set(weights, structuredClone(before));
}

/** `starts from weights trained 200 steps (sft) and 80 steps (grpo)`. */
export function describeTraining(before: TrainedBefore[]): string {
  const parts = before.map(({ name, steps }) => `${steps} step${steps === 1 ? "" : "s"} (${name})`);
  return `starts from weights trained ${
    new Intl.ListFormat("en").format(parts).replace(", and", " and")
  }; call model.reset() before to start from where they were`;
}
