/**
 * What trainers send to a reward server and what they read back: OpenRLHF's, NeMo-Gym's and our own. Each protocol turns a request's
 * body into samples, and their results into the body of the answer.
 */
import { z } from "zod";
import type { Problem } from "../data/problem.ts";
import { PlainError } from "../display/plain_error.ts";
import type { ResponseFormat } from "../formats/response_format.ts";
import type { RewardResult, RewardSample } from "../rewards/reward.ts";

/** A request that is not what its protocol says; the server answers 400 with the message. */
export class RewardRequestError extends PlainError {
  override name = "RewardRequestError";
}

/** What a sample is scored with, where its request does not say. */
export interface RewardClock {
  /** How the run's answers are read. */
  format: ResponseFormat;
  step: number;
  steps: number;
  phase: string;
}

/** One protocol. */
export interface RewardProtocol {
  /** @throws {RewardRequestError} naming the field */
  read(body: unknown, clock: RewardClock): RewardSample[];
  write(results: RewardResult[], body: unknown): unknown;
}

const problem = z.looseObject({
  answer: z.string(),
  question: z.string().optional(),
  id: z.string().optional(),
  difficulty: z.enum(["easy", "medium", "hard"]).optional(),
  domain: z.string().optional(),
});

/** A whole problem out of what a request holds of it. */
function wholeProblem(given: z.output<typeof problem>, question: string): Problem {
  return { id: "remote", difficulty: "medium", domain: "maths", question, ...given };
}

function checked<S extends z.ZodType>(schema: S, body: unknown, what: string): z.output<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  throw new RewardRequestError(`reading ${what}: ${path.join(".") || "the body"}: ${message}`);
}

/** A label is a reference answer, or a problem as JSON, which `exportProject` writes. */
function problemOfLabel(label: string, prompt: string): Problem {
  let parsed: unknown = null;
  try {
    parsed = JSON.parse(label);
  } catch {
    // an answer
  }
  const held = problem.safeParse(parsed);
  return wholeProblem(held.success ? held.data : { answer: label }, prompt);
}

/** Special tokens that a decoded query still holds behind the completion. */
const endings = /(?:<end_of_turn>|<eos>|<pad>|<\|im_end\|>|<\|endoftext\|>|<\|eot_id\|>|<\/s>|\s)+$/;

/** A query is the prompt and the completion as one text; a tokenizer may have put its own first token before. */
function completionOf(query: string, prompt: string, index: number): string {
  const at = query.indexOf(prompt);
  if (at < 0 || at > 64) {
    throw new RewardRequestError(
      `reading an OpenRLHF request: query[${index}] must begin with prompts[${index}], it begins ${
        JSON.stringify(query.slice(0, 60))
      }`,
    );
  }
  return query.slice(at + prompt.length).replace(endings, "");
}

const texts = z.array(z.string()).min(1);
const openRlhfBody = z.object({
  query: texts,
  prompts: texts,
  labels: z.array(z.string().nullable()).min(1),
});

/**
 * OpenRLHF's (`--reward.remote_url`): `{query, prompts, labels}` → `{rewards, scores, extra_logs}`. It asks for one completion at a time and
 * wraps what it gets in a tensor of its own, so one query is answered with numbers, several with lists.
 */
export const openRlhf: RewardProtocol = {
  read(body, clock) {
    const { query, prompts, labels } = checked(openRlhfBody, body, "an OpenRLHF request");
    if (prompts.length !== query.length || labels.length !== query.length) {
      throw new RewardRequestError(
        `reading an OpenRLHF request: query, prompts and labels must be of one length, got ${query.length}, ${prompts.length} and ${labels.length}`,
      );
    }
    return query.map((text, i) => ({
      prompt: prompts[i],
      completion: completionOf(text, prompts[i], i),
      problem: problemOfLabel(labels[i] ?? "", prompts[i]),
      ...clock,
    }));
  },
  write(results) {
    const shaped = <T>(values: T[]) => values.length === 1 ? values[0] : values;
    const totals = shaped(results.map(({ total }) => total));
    // a component that could not judge one of them has no list of numbers
    const extra = Object.keys(results[0].components).flatMap((name) => {
      const scores = results.map(({ components }) => components[name].score);
      return scores.includes(null) ? [] : [[name, shaped(scores)] as const];
    });
    return { rewards: totals, scores: totals, extra_logs: Object.fromEntries(extra) };
  },
};

const message = z.looseObject({ role: z.string().optional(), content: z.unknown().optional() });
const nemoGymBody = z.looseObject({
  responses_create_params: z.looseObject({ input: z.union([z.string(), z.array(message)]) }),
  response: z.looseObject({
    output: z.array(z.looseObject({ type: z.string(), content: z.unknown().optional() })),
  }),
  problem: problem.optional(),
  question: z.string().optional(),
  expected_answer: z.string().optional(),
  answer: z.string().optional(),
});

/** The text of a message of the Responses API: a string, or parts that hold one. */
function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => typeof part?.text === "string" ? part.text : "").join("");
}

/** NeMo-Gym's `POST /verify`: a rollout of the Responses API in, the same with `reward` and `reward_components` out. */
export const nemoGym: RewardProtocol = {
  read(body, clock) {
    const given = checked(nemoGymBody, body, "a NeMo-Gym request"), { input } = given.responses_create_params;
    const asked = typeof input === "string"
      ? input
      : textOf(input.findLast(({ role }) => role === undefined || role === "user")?.content);
    const answer = given.problem?.answer ?? given.expected_answer ?? given.answer;
    if (answer === undefined) {
      throw new RewardRequestError(
        "reading a NeMo-Gym request: it must hold the reference as expected_answer, answer or problem.answer",
      );
    }
    const completion = given.response.output.filter(({ type }) => type === "message")
      .map(({ content }) => textOf(content)).join("");
    return [{
      prompt: asked,
      completion,
      problem: wholeProblem({ ...given.problem, answer }, given.question ?? asked),
      ...clock,
    }];
  },
  write([{ total, components }], body) {
    const known = Object.entries(components).flatMap(([name, { score }]) =>
      score === null ? [] : [[name, score]]
    );
    return { ...body as object, reward: total, reward_components: Object.fromEntries(known) };
  },
};

const plainBody = z.strictObject({
  samples: z.array(z.strictObject({
    prompt: z.string().optional(),
    completion: z.string(),
    problem: problem.extend({ question: z.string() }),
    step: z.int().min(0).optional(),
    steps: z.int().min(1).optional(),
    phase: z.string().optional(),
    tokens: z.array(z.string()).optional(),
    tokenLogprobs: z.array(z.number()).optional(),
  })).min(1),
});

/** Ours, `POST /score`: samples in, the result of each with all its components out. */
export const plain: RewardProtocol = {
  read(body, clock) {
    const { samples } = checked(plainBody, body, "a /score request");
    return samples.map((sample, i) => {
      const { tokens, tokenLogprobs } = sample;
      if (tokens && tokenLogprobs && tokens.length !== tokenLogprobs.length) {
        throw new RewardRequestError(
          `reading a /score request: samples.${i}: tokens and tokenLogprobs must be of one length, got ${tokens.length} and ${tokenLogprobs.length}`,
        );
      }
      const { question } = sample.problem;
      return { ...clock, prompt: question, ...sample, problem: wholeProblem(sample.problem, question) };
    });
  },
  write: (results) => ({ results }),
};
