/** A stage's name as figures and tables write it: `sft` is `SFT`, `afterSft` is `after SFT`, `base` stays. */
export function stageLabel(name: string): string {
  const [, after, method] = /^(after)?_?(sft|grpo|rloo|dapo|bnpo)$/i.exec(name) ?? [];
  return method ? `${after ? "after " : ""}${method.toUpperCase()}` : name;
}
