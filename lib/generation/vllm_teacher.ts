import { z } from "zod";
import { parseOptions } from "../options/parse_options.ts";
import { PassingFault, SamplerError, SamplingServer } from "./sampling_server.ts";
import type { VllmTeacherOptions } from "./vllm_teacher_options.ts";
import { vllmTeacherSchema } from "./vllm_teacher_schema.ts";
import { type Teacher, TeacherError } from "./teacher.ts";

const known = z.looseObject({ logprob: z.number().max(1e-3), decoded_token: z.string().nullish() });
const replySchema = z.looseObject({
  choices: z.array(
    z.looseObject({ prompt_logprobs: z.array(z.record(z.string(), known).nullable()) }),
  ).length(1),
});

/** Ids that are compared, spread over the vocabulary: the server says each token's text, and one request says all. */
const probes = 256;

/**
 * A larger model on a vLLM server as the teacher of `distill`: it is given each completion as a prompt of token ids and says the log-probability of every
 * token of it (`prompt_logprobs: 0`), with no text drawn but the one token that vLLM insists on.
 *
 * Its log-probabilities are those of temperature 1, whatever is asked (vLLM computes them from the raw logits), so the student samples at 1 too. Its
 * vocabulary is held against the student's by the texts of tokens spread over all of it.
 *
 * @throws {ConfigError} for wrong options
 * @example
 * ```ts ignore
 * import { distill, loadConfig, loadDataset, loadModel, vllmTeacher } from "../../mod.ts";
 * const config = await loadConfig("demo"), data = await loadDataset(config.data), student = await loadModel("data/models/tiny-gemma");
 * const teacher = vllmTeacher({ baseURL: "http://localhost:8000", model: "google/gemma-3-4b-it" });
 * const run = await distill(student, teacher, data.train, config.distill);
 * ```
 */
export function vllmTeacher(options: VllmTeacherOptions): Teacher {
  const { model, ...rest } = parseOptions(vllmTeacherSchema, options, "vllmTeacher()"),
    server = new SamplingServer(rest),
    name = `${model} on vLLM at ${server.root}`;

  /** What the server says of each token but the first. */
  async function ask(ids: number[], signal?: AbortSignal): Promise<z.output<typeof known>[]> {
    const body = { model, prompt: ids, max_tokens: 1, temperature: 0, prompt_logprobs: 0 };
    const said = await server.insist("/v1/completions", body, async (response) => {
      const result = replySchema.safeParse(
        await response.json().catch((error) => {
          throw new PassingFault(`its answer broke off (${error.message})`);
        }),
      );
      if (result.success) return result.data.choices[0].prompt_logprobs;
      const [{ path, message }] = result.error.issues;
      throw new SamplerError(
        `reading what ${server.root}/v1/completions answered: ${
          path.join(".")
        }: ${message}; the teacher needs prompt_logprobs`,
      );
    }, signal);
    if (said.length !== ids.length) {
      throw new SamplerError(
        `reading what ${server.root}/v1/completions answered: ${ids.length} tokens have ${said.length} log-probabilities`,
      );
    }
    return ids.slice(1).map((id, i) => {
      const token = said[i + 1]?.[id];
      if (token) return token;
      throw new SamplerError(
        `reading what ${server.root}/v1/completions answered: token ${id} at place ${
          i + 1
        } has no log-probability of its own; it needs a server that adds the prompt's token to prompt_logprobs`,
      );
    });
  }

  return {
    name,
    async check(tokenizer, signal) {
      const size = tokenizer.vocabularySize, count = Math.min(probes, size);
      const ids = Array.from({ length: count }, (_, i) => Math.floor(i * size / count));
      let said: z.output<typeof known>[];
      try {
        said = await ask([ids[0], ...ids], signal);
      } catch (error) {
        if (!(error instanceof SamplerError) || !/vocab/i.test(error.message)) throw error;
        throw new TeacherError(
          `distilling from ${name}: teacher and student must have one vocabulary, but it does not know the student's ${size} tokens (${error.message}); ` +
            "take a teacher of the student's family",
        );
      }
      const compared = ids.flatMap((id, i): [number, string, string][] => {
        const theirs = said[i].decoded_token, own = tokenizer.decode([id]);
        // part of a character has no text, and some decoders drop a text's first space
        return theirs == null || /\uFFFD/.test(theirs + own) ? [] : [[id, own, theirs]];
      });
      const [differs] = compared.filter(([, own, theirs]) => own.trim() !== theirs.trim());
      if (!differs && compared.length > 0) return;
      throw new TeacherError(
        `distilling from ${name}: teacher and student must have one vocabulary, but ${
          differs
            ? `token ${differs[0]} is ${JSON.stringify(differs[2])} to it and ${
              JSON.stringify(differs[1])
            } to the student`
            : "it says no token's text to compare (decoded_token)"
        }; take a teacher of the student's family`,
      );
    },
    logprobs: (sequences, signal) =>
      Promise.all(sequences.map(async ({ prompt, completion }) => {
        const said = await ask([...prompt, ...completion], signal);
        return Float32Array.from(said.slice(prompt.length - 1), ({ logprob }) => logprob);
      })),
  };
}
