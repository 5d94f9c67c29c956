/**
 * showwork teaches small language models to show their work: supervised fine-tuning, then GRPO with a curriculum and annealed
 * rewards, then evaluation, in TypeScript on WebGPU or on the CPU.
 *
 * ```ts
 * import { evaluate, loadDataset, loadModel, sft, useBackend } from "./mod.ts";
 *
 * await useBackend();
 * const model = await loadModel("data/models/tiny-gemma");
 * const data = await loadDataset({ train: [{ source: "generator", count: 500 }], test: [{ source: "generator", count: 20 }] });
 * await sft(model, data.train, { steps: 20, batchSize: 8 });
 * const { accuracy, formatRate } = await evaluate(model, data.test);
 * ```
 *
 * @module
 */
import "./lib/notebook/observe.ts";

export * from "./lib/kernels/use_backend.ts";
export type {
  Activation,
  DecoderDescription,
  LayerDescription,
  Linear,
} from "./lib/kernels/decoder_description.ts";
export type { RowLayout } from "./lib/kernels/kernels.ts";

export { HeapError } from "./lib/backend/shared_wasm.ts";

export { registerArchitecture } from "./lib/models/architectures/all.ts";
export type { Architecture, GgufFamily, SharedFields } from "./lib/models/architectures/architecture.ts";
export {
  localSampler,
  type SampledPolicy,
  type Sampler,
  type SamplerOptions,
} from "./lib/generation/sampler.ts";
export { SamplerError } from "./lib/generation/sampling_server.ts";
export { type Teacher, TeacherError } from "./lib/generation/teacher.ts";
export { vllmTeacher } from "./lib/generation/vllm_teacher.ts";
export type { VllmTeacherOptions } from "./lib/generation/vllm_teacher_options.ts";
export { vllmTeacherSchema } from "./lib/generation/vllm_teacher_schema.ts";
export { vllmSampler } from "./lib/generation/vllm_sampler.ts";
export type { VllmSamplerOptions } from "./lib/generation/vllm_sampler_options.ts";
export { vllmSamplerSchema } from "./lib/generation/vllm_sampler_schema.ts";
export { complete, type SampledModel } from "./lib/generation/complete.ts";
export type { SamplingOptions } from "./lib/generation/sampling_options.ts";
export type { SampledDecoder } from "./lib/generation/sampled_decoder.ts";
export * from "./lib/models/causal_lm.ts";
export { ModelMemoryError } from "./lib/models/check_memory.ts";
export * from "./lib/models/create_model.ts";
export * from "./lib/models/load_model.ts";
export type { LoadModelOptions } from "./lib/models/load_model_options.ts";
export {
  estimateMemory,
  type EstimateMemoryOptions,
  type MemoryEstimate,
} from "./lib/models/estimate_memory.ts";
export {
  downloadDataset,
  type DownloadDatasetOptions,
  downloadModel,
  type DownloadModelOptions,
  HubError,
  type HubProgress,
} from "./lib/weights/hub.ts";
export type { LoraSettings } from "./lib/models/lora.ts";
export type { LoraOptions } from "./lib/models/lora_options.ts";
export { modelCard, type ModelCardParts } from "./lib/models/model_card.ts";
export type { SaveAdapterOptions } from "./lib/models/peft_adapter.ts";
export type { DecoderConfig, LayerRope, RopeScaling } from "./lib/models/decoder_config.ts";
export type { ReadBack } from "./lib/models/read_back.ts";
export type { SaveModelOptions } from "./lib/models/save_model.ts";
export { parseModelConfig } from "./lib/models/model_config.ts";
export type { ConfigFields, ModelJson } from "./lib/models/config_fields.ts";
export type { Decoder, HiddenOptions, LoraPair, LoraValues, Parameter } from "./lib/models/decoder.ts";
export { modelMemory, type ModelMemoryOptions } from "./lib/models/model_memory.ts";
export { type LoraConfig, type ModelConfig, modelSchema } from "./lib/models/model_schema.ts";
export type { GgufFields } from "./lib/models/gguf_fields.ts";
export type { HubOptions } from "./lib/models/model_directory.ts";
export type { RotaryTables } from "./lib/models/rotary.ts";
export { ModelFileError } from "./lib/weights/model_file_error.ts";
export type { GgufEntry } from "./lib/weights/write_gguf.ts";
export type { GgufValue } from "./lib/weights/gguf_header.ts";

export { Random, type RandomState } from "./lib/random/random.ts";

export { type ChatMessage, chatPrompt, type ChatPromptOptions } from "./lib/text/chat_prompt.ts";
export { parseCompletion, type ParsedCompletion, type TagNames } from "./lib/text/completion.ts";
export { chatTurns, type ChatTurnTokens } from "./lib/text/chat_turns.ts";
export { loadTokenizer, Tokenizer } from "./lib/text/tokenizer.ts";

export { loadDataset, type OwnDataOptions } from "./lib/data/dataset.ts";
export type * from "./lib/data/dataset_options.ts";
export { difficultyOf } from "./lib/data/difficulty.ts";
export { addDistractors, type DistractorOptions } from "./lib/data/distractors.ts";
export { generateProblems, type GenerateProblemsOptions } from "./lib/data/generator.ts";
export type { Dataset, Difficulty, Problem } from "./lib/data/problem.ts";
export { DataError } from "./lib/data/data_error.ts";
export { type OwnSource, registerSource, type SourceReader } from "./lib/data/source_registry.ts";
export { type DistractorKind, distractorKinds } from "./lib/data/distractor_sentences.ts";
export { type DataOptions, dataSchema, fieldsSchema } from "./lib/data/data_schema.ts";

export { boxed, type BoxedOptions } from "./lib/formats/boxed.ts";
export { graph as graphFormat, type GraphFormatOptions } from "./lib/formats/graph.ts";
export { lastNumber } from "./lib/formats/last_number.ts";
export type * from "./lib/formats/response_format.ts";
export { tags, type TagsOptions } from "./lib/formats/tags.ts";
export { type FormatOption, formatSchema } from "./lib/formats/format_schema.ts";

export { checkGraph } from "./lib/graph/check_graph.ts";
export { executeGraph, type GraphResult } from "./lib/graph/execute_graph.ts";
export {
  type ConstantNode,
  type Graph,
  type GraphNode,
  type GraphOperationName,
  graphOperations,
  type NodeNotes,
  type OperationNode,
} from "./lib/graph/graph.ts";
export { GraphError } from "./lib/graph/graph_error.ts";
export { type GraphVerdict, judgeGraph } from "./lib/graph/judge_graph.ts";
export { type GraphConversion, graphFromAnnotations } from "./lib/graph/graph_from_annotations.ts";
export { problemGraph } from "./lib/graph/problem_graph.ts";

export * from "./lib/schedules/anneal.ts";
export * from "./lib/schedules/curriculum.ts";
export * from "./lib/schedules/learning_rate.ts";

export * from "./lib/lab/ablate_reward.ts";
export type { GivenReward } from "./lib/lab/named_rewards.ts";
export { answersMatch } from "./lib/answers/answers_match.ts";
export * from "./lib/rewards/components.ts";
export * from "./lib/rewards/composite.ts";
export { computationalGraph } from "./lib/rewards/computational_graph.ts";
export { confidence, type ConfidenceOptions } from "./lib/rewards/confidence.ts";
export { correctness } from "./lib/rewards/correctness.ts";
export * from "./lib/rewards/explained.ts";
export { formatCompliance } from "./lib/rewards/format_compliance.ts";
export * from "./lib/lab/hunt_loopholes.ts";
export * from "./lib/lab/inspect_reward.ts";
export { lengthBonus, type LengthBonusOptions } from "./lib/rewards/length_bonus.ts";
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
export {
  type JudgeOptions,
  type RubricJudge,
  rubricJudge,
  type RubricJudgeOptions,
} from "./lib/rewards/rubric_judge.ts";
export * from "./lib/rewards/sandboxed.ts";
export { traceStructure, type TraceStructureOptions } from "./lib/rewards/trace_structure.ts";
export { verbosity, type VerbosityOptions } from "./lib/rewards/verbosity.ts";
export type { PresetName } from "./lib/rewards/reward_presets.ts";
export { type RubricCriterion, rubricPoints, type RubricScores } from "./lib/rewards/rubric.ts";

export { ArgumentError } from "./lib/options/argument_error.ts";
export { ConfigError, type ConfigProblem } from "./lib/options/config_error.ts";
export { configToYaml, type ConfigToYamlOptions } from "./lib/config/config_to_yaml.ts";
export { type ConfigOverrides, type DeepPartial, loadConfig } from "./lib/config/load_config.ts";
export type { RunInput } from "./lib/config/run_input.ts";
export { type RunConfig, runSchema } from "./lib/config/schema.ts";

export {
  accumulate,
  type Accumulated,
  type AccumulateOptions,
  type Pass,
  type PassLoss,
} from "./lib/training/accumulate.ts";
export {
  type AdvantageName,
  advantageNames,
  type AdvantageOptions,
  advantages,
} from "./lib/training/advantages.ts";
export {
  advantagesByComponent,
  type ComponentAdvantageOptions,
} from "./lib/training/advantages_by_component.ts";
export { algorithms } from "./lib/training/algorithms.ts";
export {
  bestCheckpoint,
  type Checkpoint,
  CheckpointError,
  type CheckpointTensor,
  latestCheckpoint,
  loadCheckpoint,
  saveCheckpoint,
  type SaveCheckpointOptions,
} from "./lib/training/checkpoint.ts";
export { TrainingError } from "./lib/training/training_error.ts";
export {
  diagnose,
  type Diagnosis,
  type DiagnosisContext,
  type DiagnosisRule,
} from "./lib/training/diagnose.ts";
export { type Diagnostician, diagnostician } from "./lib/training/diagnostician.ts";
export * from "./lib/training/distillation_loss.ts";
export * from "./lib/training/importance_correction.ts";
export { klInReward, type KlInRewardOptions } from "./lib/training/kl_in_reward.ts";
export { type MetricsLog, metricsLog, type MetricsLogOptions, readMetrics } from "./lib/training/metrics.ts";
export {
  type PolicyLoss,
  policyLoss,
  type PolicyLossInputs,
  type PolicyLossName,
  policyLossNames,
  type PolicyLossOptions,
} from "./lib/training/policy_loss.ts";
export { flatMetrics } from "./lib/training/flat_metrics.ts";
export type { TrackedRun, Tracker } from "./lib/training/tracker.ts";
export { csvTracker } from "./lib/trackers/csv_tracker.ts";
export { tensorBoardTracker } from "./lib/trackers/tensor_board_tracker.ts";
export { trackioTracker, trackioTrackerSchema } from "./lib/trackers/trackio_tracker.ts";
export type { TrackioTrackerOptions } from "./lib/trackers/trackio_tracker_options.ts";
export { TrackingError } from "./lib/trackers/tracking_server.ts";
export { wandbTracker, wandbTrackerSchema } from "./lib/trackers/wandb_tracker.ts";
export type { WandbTrackerOptions } from "./lib/trackers/wandb_tracker_options.ts";
export type { CompletionRecord, Fork, RecordedTokens, StepMetrics, TrainingRun } from "./lib/training/run.ts";
export { AdamW, type AdamWOptions, type NamedArrays, type UpdateOptions } from "./lib/training/optimizer.ts";
export { EpochCursor, type EpochCursorState } from "./lib/training/epoch_cursor.ts";
export {
  addGradients,
  backward,
  disposeGradients,
  type ForwardOptions,
  type Gradients,
  type TokenLoss,
  type TokenValues,
  tokenValues,
} from "./lib/training/backward.ts";
export {
  type LoopHooks,
  type LoopOptions,
  type LoopStage,
  type StepResult,
  trainingLoop,
} from "./lib/training/training_loop.ts";
export { PassBudget, type PassBudgetState } from "./lib/training/pass_budget.ts";
export { ReferencePolicy } from "./lib/training/reference_policy.ts";
export type { TeacherRows } from "./lib/ops/reverse_kl.ts";
export type { Layout, LayoutOptions, LayoutTensors } from "./lib/ops/layout.ts";
export { TokenBatch, type TokenSequence } from "./lib/training/token_batch.ts";
export { Trainer, type TrainerOptions, type TrainerState, type Update } from "./lib/training/trainer.ts";
export { crossEntropy } from "./lib/training/cross_entropy.ts";
export type { CheckpointedStage } from "./lib/training/run_checkpoints.ts";
export type { GrowingLists } from "./lib/training/checkpoint_lists.ts";
export type { GuardState } from "./lib/training/update_guard.ts";
export type { Fingerprint, RunOrigin } from "./lib/training/run_origin.ts";

export type { AnswerJudge, JudgedAnswer } from "./lib/stages/judge_completion.ts";
export { problemRate, type ShareInterval, shareInterval } from "./lib/stages/problem_rate.ts";
export {
  classifyFailure,
  type ClassifyFailureOptions,
  type Failure,
  type FailureItem,
} from "./lib/stages/classify_failure.ts";
export * from "./lib/stages/distill.ts";
export { type DistillConfig, distillSchema } from "./lib/stages/distill_schema.ts";
export type { DistillSettings } from "./lib/stages/distill_settings.ts";
export * from "./lib/stages/evaluate.ts";
export type { AtK, DistractorEffect, Evaluation, EvaluationItem, Rate } from "./lib/stages/evaluation.ts";
export type { EvaluationInside, StageHooks } from "./lib/stages/evaluation_inside.ts";
export * from "./lib/stages/experiment.ts";
export { grpo } from "./lib/stages/grpo.ts";
export type { GrpoOptions } from "./lib/stages/grpo_options.ts";
export * from "./lib/stages/grpo.ts";
export type { PreflightFinding } from "./lib/stages/findings_ahead.ts";
export { meanInterval } from "./lib/stages/mean_interval.ts";
export { restoreModel } from "./lib/stages/restore_model.ts";
export * from "./lib/stages/resume.ts";
export * from "./lib/stages/sft.ts";
export {
  type BootstrapOptions,
  type Calibration,
  calibration,
  type Difference,
  majorityAtK,
  type McNemar,
  mcnemar,
  pairedBootstrap,
  passAtK,
  type ReliabilityBin,
  type Vote,
  wilson,
} from "./lib/stages/statistics.ts";
export { type GrpoConfig, grpoSchema } from "./lib/stages/grpo_schema.ts";
export {
  type PolicyGradientOptions,
  type PolicyGradients,
  policyGradients,
  type TokenTrace,
} from "./lib/stages/policy_gradients.ts";
export type { AdvantagedBatch, RolloutBatch, RolloutGroup } from "./lib/stages/rollout_batch.ts";
export { rolloutAdvantages, type RolloutAdvantagesOptions } from "./lib/stages/rollout_advantages.ts";
export {
  type RolloutConfig,
  type RolloutOptions,
  Rollouts,
  type RolloutState,
} from "./lib/stages/rollouts.ts";
export { type EvaluateConfig, evaluateSchema } from "./lib/stages/evaluate_schema.ts";
export type { EvaluateSettings } from "./lib/stages/evaluate_settings.ts";
export type { GrpoSettings } from "./lib/stages/grpo_settings.ts";
export { type ProblemPrompt, problemPrompt, type PromptOptions } from "./lib/stages/problem_prompt.ts";
export { type SftConfig, sftSchema } from "./lib/stages/sft_schema.ts";
export type { DemonstrationShares, SftSettings } from "./lib/stages/sft_settings.ts";

export * from "./lib/cluster/export_project.ts";
export type { OptionFate } from "./lib/cluster/option_fate.ts";
export * from "./lib/cluster/serve_rewards.ts";
export { serveRewardsSchema } from "./lib/cluster/serve_rewards_schema.ts";
export type { ServeRewardsSettings } from "./lib/cluster/serve_rewards_settings.ts";

export { compare, type ComparedStage, type CompareOptions, type Comparison } from "./lib/report/compare.ts";
export * from "./lib/report/compare_runs.ts";
export {
  accuracyFigure,
  calibrationFigure,
  type Evaluations,
  failureFigure,
  passAtKFigure,
} from "./lib/report/evaluation_figures.ts";
export { experimentFigure } from "./lib/report/experiment_figure.ts";
export {
  type ExportableModel,
  type ExportedRun,
  exportRun,
  type RunContents,
} from "./lib/report/export_run.ts";
export { runCard, type RunCardContents } from "./lib/report/run_card.ts";
export { Figure, type SaveOptions } from "./lib/report/figure.ts";
export * from "./lib/report/inspect_rollouts.ts";
export type * from "./lib/report/rollout_inspection.ts";
export { learningCurves, type LearningCurvesOptions } from "./lib/report/learning_curves.ts";
export { type ListedRun, listRuns, type RunList } from "./lib/report/list_runs.ts";
export { type LoadedRun, loadRun, ResultsError } from "./lib/report/load_run.ts";
export * from "./lib/report/plot_schedules.ts";
export type { HubFile } from "./lib/report/hub_files.ts";
export { type HubPush, pushToHub, type PushToHubOptions } from "./lib/report/push_to_hub.ts";
export * from "./lib/report/run_bands.ts";
export { runsPage } from "./lib/report/runs_page.ts";
export { OutputError } from "./lib/report/write_output.ts";
export type { FigureData, Raster } from "./lib/report/static_render.ts";
export type { Environment, FinalResults } from "./lib/report/final_results.ts";
export type { StageDifference } from "./lib/report/conclusion.ts";
export type { Release } from "./lib/report/release.ts";

export { type Display, displayable } from "./lib/display/displayable.ts";
export { quiet } from "./lib/display/quiet.ts";
export type { Cell, Table } from "./lib/display/table.ts";
export { PlainError } from "./lib/display/plain_error.ts";
export type { NoteLevel, ObservedSample } from "./lib/display/observer.ts";
export type { CompletionSpan } from "./lib/display/highlight_completion.ts";
export { Chat, chat, type ChatOptions, type ChatReply, type ChatSurface } from "./lib/notebook/chat.ts";
export { type FunctionHelp, help, type OptionHelp } from "./lib/notebook/help.ts";
export {
  type LivePanel,
  livePanel,
  type LivePanelOptions,
  type PanelMetrics,
  type PanelSurface,
} from "./lib/notebook/live_panel.ts";
export { type StopButton, stopButton } from "./lib/notebook/stop_button.ts";
export type { ChatTurn } from "./lib/notebook/chat_view.ts";
export type { PanelQuantity, PanelSample, PanelState } from "./lib/notebook/panel_view.ts";
export { DeviceLostError, WebgpuUnavailableError } from "./lib/backend/webgpu_device.ts";
