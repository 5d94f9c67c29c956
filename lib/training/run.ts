/**
 * The numbers of one optimizer step. A step is one optimizer update, everywhere. Absent keys were not measured;
 * nothing is ever filled in.
 */
export interface StepMetrics {
  /** From 1: the number of optimizer updates made so far. */
  step: number;
  /** The loss that the update minimises: SFT's cross-entropy a completion token in nats, GRPO's policy loss and β·KL, or distillation's KL to the teacher. */
  loss: number;
  /** In force at this update. */
  learningRate: number;
  /** Global L2 norm before clipping. */
  gradientNorm: number;
  /** Mean entropy of the predicted distributions over completion tokens, in nats. */
  entropy?: number;
  /** Weight of the entropy bonus in force, where there is one. */
  entropyCoef?: number;
  /** Completion tokens trained on in this step. */
  tokens: number;
  /** Share of completion tokens whose most likely token is the target (SFT), 0 to 1. */
  tokenAccuracy?: number;
  /** GRPO: loss without the KL term. */
  policyLoss?: number;
  /** Mean total reward over the step's completions, and its standard deviation (n − 1). */
  reward?: number;
  /** Standard deviation of the total reward (n − 1). */
  rewardStd?: number;
  /** Mean and standard deviation of every component's raw score, and the weight in force. */
  components?: Record<string, { mean: number; std: number; weight: number; failures: number }>;
  /**
   * Mean estimate of KL(policy ‖ reference) a token, in nats, by `klEstimator`; where the KL comes off the reward, by k3 when sampled.
   * Absent where beta is 0 at the step.
   */
  kl?: number;
  /** Distillation: mean KL(student ‖ teacher) a token, in nats; of whole distributions, or the estimate log p − log p_teacher of the tokens drawn. */
  teacherKl?: number;
  /** Share of ratios that were clipped, at the low and at the high side: one a token, or one a sequence. */
  clipLow?: number;
  /** The same at the high side. */
  clipHigh?: number;
  /**
   * The trainer's probabilities by those of the program that drew the completions, of tokens or sequences: smallest, mean, largest, and the share out of
   * bounds. Absent where the model drew them itself.
   */
  samplerRatio?: { min: number; mean: number; max: number; outside: number };
  /** Completion length in tokens. */
  completionLength?: { mean: number; min: number; max: number; terminatedMean: number };
  /** Share of completions that hit the token limit. */
  truncatedFraction?: number;
  /** Share of the groups sampled, the dropped ones too, whose rewards are all equal and so teach nothing. */
  zeroVarianceFraction?: number;
  /** Groups without variance that were dropped and sampled anew with other problems, when that was asked for. */
  droppedGroups?: number;
  /** Groups of earlier steps that were learned from in the places of groups without signal, when that was asked for. */
  replayedGroups?: number;
  /** Share of completions that are well formed, 0 to 1. */
  formatRate?: number;
  /** The curriculum's phase that the prompts were drawn in. */
  phase?: string;
  /** `tokens` by the seconds of sampling, rewards and training together. */
  tokensPerSecond: number;
  /** The step's seconds in all, and of each part; rollouts that serve several updates are counted at the first. */
  seconds: { total: number; sampling?: number; rewards?: number; training?: number };
  /** Updates skipped so far because a loss or gradient was not finite. */
  skippedUpdates?: number;
  /** Task metrics measured after this step, when an evaluation was due: accuracy and formatRate, or what the caller measures. */
  evaluation?: Record<string, number>;
}

/** The tokens of a completion, to three decimals. */
export interface RecordedTokens {
  /** The text of each token. */
  text: string[];
  /** Log-probability when it was sampled, at the sampling temperature. */
  logprobs: number[];
  /** What the update that learned from it found: probability now by probability then, and k3's estimate of the KL to the reference. */
  ratios?: number[];
  /** k3's estimate of the KL to the reference at each token. */
  kl?: number[];
}

/** One sampled completion, kept so that every number can be traced to a text. */
export interface CompletionRecord {
  /** The stage that it comes from. */
  stage: string;
  /** The step that sampled it, from 1. */
  step: number;
  /** The problem's id. */
  problemId: string;
  /** What the model wrote. */
  completion: string;
  /** Its total reward. */
  reward?: number;
  /** Each component's raw score; `null` where it could not judge. */
  components?: Record<string, number | null>;
  /** What was asked, and the right answer, where the record stands for more than the problem's id. */
  question?: string;
  /** The right answer. */
  reference?: string;
  /** What the completion was worth beside the others of its group. */
  advantage?: number;
  /** Its tokens, one value each, of as many steps as are worth keeping. */
  tokens?: RecordedTokens;
  /** Why a component has no score, where it failed. */
  errors?: Record<string, string>;
  /** Whether the answer is right. */
  correct?: boolean;
}

/** Where a run went on from a checkpoint with other settings. */
export interface Fork {
  /** The name of the other run: the one gone on from in `forkedFrom`, the one that went on in `forks`. */
  run: string;
  /** The last step that both have. */
  step: number;
  /** The checkpoint gone on from. */
  checkpoint: string;
  /** The settings that changed there, by name; `null` where there was, or is, none. */
  changes: Record<string, { from: unknown; to: unknown }>;
}

/** What a training stage returns: plain data. */
export interface TrainingRun {
  /** The stage that it comes from: `pretrain`, `sft`, `grpo`, `distill`, or the name of an algorithm of one's own. */
  stage: string;
  /** The name that figures and tables use, such as `sft` or `grpo`. */
  name: string;
  /** One entry an update. */
  steps: StepMetrics[];
  /** How it ended. */
  ended: "finished" | "interrupted" | "time limit" | "failed";
  /** Why, in words, when the run did not finish. */
  reason?: string;
  /** Its options, every default filled in. */
  config: Record<string, unknown>;
  /** The folder of the last checkpoint, when one was written. */
  checkpoint?: string;
  /** The best evaluation by the metric asked for, and the checkpoint saved with it. */
  best?: { step: number; metric: string; value: number; checkpoint: string };
  /** How long it took, in all sessions. */
  seconds: number;
  /** Where it went on with other settings than those it came with, oldest first. */
  forkedFrom?: Fork[];
  /** The runs that went on from this one with other settings: written beside its checkpoints, and known to the run that `resume` was given. */
  forks?: Fork[];
  /** Earlier training of the weights in this process, where they were not as loaded. */
  trainedBefore?: { name: string; steps: number }[];
  /** Sampled completions with their rewards, thinned to a few a step. */
  completions: CompletionRecord[];
  /** Diagnoses in plain words, in the order in which they were made. */
  diagnoses: { step: number; rule: string; message: string }[];
}
