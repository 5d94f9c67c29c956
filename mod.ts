/**
 * showwork teaches small language models to show their work: supervised fine-tuning, then GRPO with a curriculum and annealed
 * rewards, then evaluation, in TypeScript on WebGPU or on the CPU.
 *
 * ```ts
 * import { evaluate, loadDataset, loadModel, sft, useBackend } from "./mod.ts";
 *
 * await useBackend();
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 2000 }], test: [{ source: "generator", count: 100 }] });
 * await sft(model, data.train, { steps: 100 });
 * const { accuracy, formatRate } = await evaluate(model, data.test);
 * ```
 *
 * @module
 */
import "./lib/notebook/observe.ts";

export * from "./lib/kernels/use_backend.ts";

export { HeapError } from "./lib/backend/shared_wasm.ts";

export { registerArchitecture } from "./lib/models/architectures/all.ts";
export type { Architecture } from "./lib/models/architectures/architecture.ts";
export {
  localSampler,
  type SampledPolicy,
  type Sampler,
  type SamplerOptions,
} from "./lib/generation/sampler.ts";
export { SamplerError } from "./lib/generation/sampling_server.ts";
export { vllmSampler, type VllmSamplerOptions } from "./lib/generation/vllm_sampler.ts";
export * from "./lib/models/causal_lm.ts";
export { ModelMemoryError } from "./lib/models/check_memory.ts";
export * from "./lib/models/create_model.ts";
export * from "./lib/models/load_model.ts";
export { estimateMemory } from "./lib/models/estimate_memory.ts";
export { downloadDataset, downloadModel, HubError } from "./lib/weights/hub.ts";
export type { LoraOptions } from "./lib/models/lora.ts";
export { modelCard } from "./lib/models/model_card.ts";
export type { SaveAdapterOptions } from "./lib/models/peft_adapter.ts";
export type { DecoderConfig } from "./lib/models/decoder_config.ts";
export type { ReadBack } from "./lib/models/read_back.ts";
export type { SaveModelOptions } from "./lib/models/save_model.ts";
export { parseModelConfig } from "./lib/models/model_config.ts";
export { ModelFileError } from "./lib/weights/model_file_error.ts";

export { chatPrompt } from "./lib/text/chat_prompt.ts";
export { parseCompletion, type ParsedCompletion, type TagNames } from "./lib/text/completion.ts";
export { chatTurns } from "./lib/text/chat_turns.ts";
export { loadTokenizer, Tokenizer } from "./lib/text/tokenizer.ts";

export { loadDataset } from "./lib/data/dataset.ts";
export { difficultyOf } from "./lib/data/difficulty.ts";
export { addDistractors, type DistractorOptions } from "./lib/data/distractors.ts";
export { generateProblems } from "./lib/data/generator.ts";
export type { Dataset, Difficulty, Problem } from "./lib/data/problem.ts";
export { DataError } from "./lib/data/data_error.ts";
export { registerSource, type SourceReader } from "./lib/data/source_registry.ts";

export { boxed } from "./lib/formats/boxed.ts";
export { graph as graphFormat } from "./lib/formats/graph.ts";
export { lastNumber } from "./lib/formats/last_number.ts";
export type * from "./lib/formats/response_format.ts";
export { tags } from "./lib/formats/tags.ts";

export { checkGraph } from "./lib/graph/check_graph.ts";
export { executeGraph } from "./lib/graph/execute_graph.ts";
export type { Graph, GraphNode } from "./lib/graph/graph.ts";
export { GraphError } from "./lib/graph/graph_error.ts";
export { judgeGraph } from "./lib/graph/judge_graph.ts";
export { graphFromAnnotations } from "./lib/graph/graph_from_annotations.ts";
export { problemGraph } from "./lib/graph/problem_graph.ts";

export * from "./lib/schedules/anneal.ts";
export * from "./lib/schedules/curriculum.ts";
export * from "./lib/schedules/learning_rate.ts";

export * from "./lib/lab/ablate_reward.ts";
export { answersMatch } from "./lib/answers/answers_match.ts";
export * from "./lib/rewards/components.ts";
export * from "./lib/rewards/composite.ts";
export { computationalGraph } from "./lib/rewards/computational_graph.ts";
export { confidence } from "./lib/rewards/confidence.ts";
export { correctness } from "./lib/rewards/correctness.ts";
export * from "./lib/rewards/explained.ts";
export { formatCompliance } from "./lib/rewards/format_compliance.ts";
export * from "./lib/lab/hunt_loopholes.ts";
export * from "./lib/lab/inspect_reward.ts";
export { lengthBonus } from "./lib/rewards/length_bonus.ts";
export { cosineLength, type CosineLengthOptions } from "./lib/rewards/cosine_length.ts";
export { overlong, type OverlongOptions } from "./lib/rewards/overlong.ts";
export { repeatedNgrams, type RepeatedNgramsOptions } from "./lib/rewards/repeated_ngrams.ts";
export * from "./lib/lab/loopholes.ts";
export * from "./lib/lab/preflight.ts";
export { missingTags } from "./lib/rewards/missing_tags.ts";
export { numericFormat } from "./lib/rewards/numeric_format.ts";
export { repetition } from "./lib/rewards/repetition.ts";
export type * from "./lib/rewards/reward.ts";
export type { CaseDefaults, RewardCase } from "./lib/lab/reward_case.ts";
export { rubricJudge } from "./lib/rewards/rubric_judge.ts";
export * from "./lib/rewards/sandboxed.ts";
export { traceStructure } from "./lib/rewards/trace_structure.ts";
export { verbosity } from "./lib/rewards/verbosity.ts";

export { ArgumentError } from "./lib/options/argument_error.ts";
export { ConfigError } from "./lib/options/config_error.ts";
export { configToYaml } from "./lib/config/config_to_yaml.ts";
export { loadConfig } from "./lib/config/load_config.ts";

export { advantages } from "./lib/training/advantages.ts";
export { advantagesByComponent } from "./lib/training/advantages_by_component.ts";
export { algorithms } from "./lib/training/algorithms.ts";
export {
  bestCheckpoint,
  CheckpointError,
  latestCheckpoint,
  loadCheckpoint,
  saveCheckpoint,
} from "./lib/training/checkpoint.ts";
export { TrainingError } from "./lib/training/training_error.ts";
export { diagnose } from "./lib/training/diagnose.ts";
export { diagnostician } from "./lib/training/diagnostician.ts";
export * from "./lib/training/importance_correction.ts";
export { klInReward } from "./lib/training/kl_in_reward.ts";
export { metricsLog, readMetrics } from "./lib/training/metrics.ts";
export { policyLoss } from "./lib/training/policy_loss.ts";
export type { CompletionRecord, RecordedTokens, StepMetrics, TrainingRun } from "./lib/training/run.ts";

export type { AnswerJudge, JudgedAnswer } from "./lib/stages/judge_completion.ts";
export { problemRate, shareInterval } from "./lib/stages/problem_rate.ts";
export { classifyFailure } from "./lib/stages/classify_failure.ts";
export * from "./lib/stages/evaluate.ts";
export type { Evaluation, EvaluationItem, Rate } from "./lib/stages/evaluation.ts";
export type { EvaluationInside } from "./lib/stages/evaluation_inside.ts";
export * from "./lib/stages/experiment.ts";
export * from "./lib/stages/grpo.ts";
export { meanInterval } from "./lib/stages/mean_interval.ts";
export { restoreModel } from "./lib/stages/restore_model.ts";
export * from "./lib/stages/resume.ts";
export * from "./lib/stages/sft.ts";
export {
  calibration,
  majorityAtK,
  mcnemar,
  pairedBootstrap,
  passAtK,
  wilson,
} from "./lib/stages/statistics.ts";

export * from "./lib/cluster/export_project.ts";
export type { OptionFate } from "./lib/cluster/option_fate.ts";
export * from "./lib/cluster/serve_rewards.ts";

export { compare } from "./lib/report/compare.ts";
export * from "./lib/report/compare_runs.ts";
export {
  accuracyFigure,
  calibrationFigure,
  failureFigure,
  passAtKFigure,
} from "./lib/report/evaluation_figures.ts";
export { experimentFigure } from "./lib/report/experiment_figure.ts";
export { exportRun } from "./lib/report/export_run.ts";
export { runCard } from "./lib/report/run_card.ts";
export { Figure } from "./lib/report/figure.ts";
export * from "./lib/report/inspect_rollouts.ts";
export type * from "./lib/report/rollout_inspection.ts";
export { learningCurves } from "./lib/report/learning_curves.ts";
export { type ListedRun, listRuns, type RunList } from "./lib/report/list_runs.ts";
export { loadRun, ResultsError } from "./lib/report/load_run.ts";
export * from "./lib/report/plot_schedules.ts";
export * from "./lib/report/run_bands.ts";
export { runsPage } from "./lib/report/runs_page.ts";
export { OutputError } from "./lib/report/write_output.ts";

export { displayable } from "./lib/display/displayable.ts";
export { PlainError } from "./lib/display/plain_error.ts";
export { Chat, chat, type ChatOptions, type ChatReply } from "./lib/notebook/chat.ts";
export { livePanel } from "./lib/notebook/live_panel.ts";
export { stopButton } from "./lib/notebook/stop_button.ts";
export { DeviceLostError, WebgpuUnavailableError } from "./lib/backend/webgpu_device.ts";
