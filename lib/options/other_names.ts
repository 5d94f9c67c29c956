import { foreignNames, keysAt, type OptionShape, shapesAt } from "./option_shape.ts";

/** Names that people bring from elsewhere, beside those that descriptions give as TRL's and PEFT's. */
const others: Record<string, string[]> = {
  generations: ["G", "group_size", "num_samples", "num_return_sequences"],
  samples: ["n", "num_samples", "num_return_sequences"],
  n: ["num_return_sequences", "num_samples"],
  steps: ["max_steps", "num_steps", "iterations", "total_steps"],
  maxTokens: ["max_new_tokens", "max_completion_length", "max_length", "max_tokens"],
  maxLength: ["max_seq_length", "max_seq_len"],
  batchSize: ["per_device_train_batch_size", "per_device_eval_batch_size", "train_batch_size", "batch"],
  beta: ["kl", "kl_coef", "kl_beta", "kl_penalty"],
  epsilon: ["cliprange", "clip_range", "clip", "clip_ratio"],
  learningRate: ["lr"],
  advantage: ["advantage_estimator"],
  loss: ["loss_type"],
  limit: ["max_samples", "max_problems"],
  rank: ["r", "lora_r"],
  maxMinutes: ["max_time", "time_limit"],
  seed: ["random_seed", "random_state"],
  path: ["model", "model_name", "model_name_or_path", "name", "id"],
  rubric: ["rubricJudge"],
  trace: ["traceStructure"],
  chatTemplateOptions: ["chat_template_kwargs"],
};

/** What has another place here than as one option. */
const elsewhere: Record<string, string> = {
  epochs: "counts in `steps` here: an epoch is problems ÷ batchSize of them",
  num_train_epochs: "counts in `steps` here: an epoch is problems ÷ batchSize of them",
  per_device_train_batch_size: "is promptsPerStep × generations completions here",
  batch_size: "is promptsPerStep × generations completions here",
  warmup_ratio: "stands in the learning rate: `learningRate: { peak, warmupRatio }`",
  warmup_steps: "stands in the learning rate: `learningRate: { peak, warmupSteps }`",
  lr_scheduler_type: 'stands in the learning rate: `learningRate: { kind: "cosine", peak }`',
  reward_funcs: "is `reward` here: one function, or `compositeReward({ components })`",
  reward_weights:
    "stands with the components: `compositeReward({ components: { correctness: { weight: 1 } } })`",
  train_dataset: "is the second argument here",
  eval_dataset: "is `evaluation: { problems }` here",
  max_prompt_length: "is not needed: prompts that do not fit are left out, counted and said",
  peft_config: "is the model's: `loadModel({ path, lora: { rank: 16 } })`, or `model.addLora({ rank: 16 })`",
  logging_steps: "is not needed: every step is kept in `run.steps`",
  frozen: 'is `weights: "bfloat16"`: 16 bits on the CPU and on a GPU, where they are float16',
  do_sample: "is not needed: `temperature: 0` takes the likeliest token",
};

const plain = (name: string) => name.replace(/[_\s-]/g, "").toLowerCase();
const isName = (wanted: string) => (name: string) =>
  name === wanted || (wanted.length > 2 && plain(name) === plain(wanted));

/** The option that another library's name means among those valid at a path. */
export function ourName(
  shape: OptionShape,
  path: readonly PropertyKey[],
  key: string,
  value: unknown,
): string | undefined {
  const valid = keysAt(shape, path, value), is = isName(key);
  const byDescription = valid.filter((name) =>
    shapesAt(shape, path).some(({ properties = {} }) =>
      properties[name] && foreignNames(properties[name]).some(is)
    )
  );
  const same = valid.find(is);
  if (same) return same;
  // a name that several options' descriptions mention says nothing
  return byDescription.length === 1
    ? byDescription[0]
    : valid.find((name) => others[name]?.some(is)) ?? byDescription[0];
}

/** What to do about a name that is no single option here. */
export function elsewhereSaid(key: string): string | undefined {
  return Object.entries(elsewhere).find(([name]) => isName(key)(name))?.[1];
}
