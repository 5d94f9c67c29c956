import { checkArgument } from "../options/check_argument.ts";
import { parseOptions } from "../options/parse_options.ts";
import { asProblems } from "../data/as_problems.ts";
import type { Problem } from "../data/problem.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import type { Sampler } from "../generation/sampler.ts";
import { asReward } from "../rewards/as_reward.ts";
import type { Reward, RewardFunction } from "../rewards/reward.ts";
import { type Curriculum, curriculum as makeCurriculum } from "../schedules/curriculum.ts";
import { checkPhases } from "./check_phases.ts";
import { splitHooks, type StageHooks } from "./evaluation_inside.ts";
import { fittingProblems } from "./fitting_problems.ts";
import { grpoSchema } from "./grpo_schema.ts";
import type { GrpoSettings } from "./grpo_settings.ts";

/** Options of `grpo`: its configuration, what it maximises, and hooks. */
export type GrpoOptions = GrpoSettings & StageHooks & {
  /** What is maximised, from `compositeReward`; or one function of a sample. */
  reward: Reward | RewardFunction;
  /** Which problems are drawn when, from `curriculum`. @default R3's three phases */
  curriculum?: Curriculum;
  /** What draws the completions, such as `vllmSampler`. @default the model itself */
  sampler?: Sampler;
  /** What tables and figures call the run. @default "grpo" */
  name?: string;
};

/**
 * What `grpo` was given, parsed and checked against each other before any work: options with every default, the problems that
 * the model has room for, and the reward, curriculum and hooks as the algorithm uses them. `call` is the function that errors name.
 *
 * @throws {ConfigError} for an unknown or wrong option
 * @throws {RangeError} when there is no problem to draw, or the options contradict each other
 * @throws {TypeError} for an argument that is missing or of another kind
 */
export function readGrpoOptions(model: CausalLM, given: Problem[], options: GrpoOptions, call = "grpo") {
  checkArgument(`${call}'s first argument`, "model", model);
  checkArgument(`${call}'s third argument`, "options", options);
  const problems = asProblems(given, call),
    { reward, curriculum = makeCurriculum(), sampler, name = "grpo", ...rest } = options,
    { hooks, settings } = splitHooks(rest as StageHooks);
  const config = parseOptions(grpoSchema, settings as GrpoSettings, call);
  if (problems.length === 0) throw new RangeError(`${call} needs at least one problem, got none`);
  if (!reward) {
    throw new TypeError(`${call} needs a reward: pass { reward: compositeReward(config.reward) }`);
  }
  if (sampler?.foreign && config.replay !== null) {
    throw new RangeError(
      "grpo replays what its own sampler drew: the log-probabilities of another program's are corrected at the step they are drawn; leave " +
        "replay null, or sample here",
    );
  }
  const fitting = fittingProblems(model, problems, config);
  checkPhases(curriculum, fitting.problems, config.steps);
  return { ...fitting, config, reward: asReward(reward), curriculum, sampler, name, hooks };
}
