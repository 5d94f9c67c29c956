import { checkArgument } from "../options/check_argument.ts";
import { type Teacher, TeacherError } from "../generation/teacher.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { anneal } from "../schedules/anneal.ts";
import { compareVocabularies } from "../text/compare_vocabularies.ts";
import type { DistillConfig } from "./distill_schema.ts";

/** Whether a teacher is one that must be asked, not a model of this process. */
export function isServer(teacher: CausalLM | Teacher): teacher is Teacher {
  return typeof (teacher as Teacher | null)?.logprobs === "function";
}

/**
 * Checks before any work that a student can learn from a teacher: that they are two models with one vocabulary, and that the teacher can say what
 * `divergence` asks for.
 *
 * @throws {TeacherError} for a teacher of another vocabulary, or the student itself
 * @throws {RangeError} for options that the teacher cannot serve
 */
export async function checkTeacher(
  student: CausalLM,
  teacher: CausalLM | Teacher,
  { divergence, temperature, steps }: Pick<DistillConfig, "divergence" | "temperature" | "steps">,
): Promise<void> {
  if (isServer(teacher)) {
    if (divergence === "exact") {
      throw new RangeError(
        `distilling from ${teacher.name} with divergence exact needs whole distributions, which a server does not give; leave divergence null, or load the ` +
          "teacher as a model",
      );
    }
    const { at } = anneal(temperature),
      other = [0, steps - 1].map((step) => at(step, steps)).find((t) => t !== 1);
    if (other !== undefined) {
      throw new RangeError(
        `distilling from ${teacher.name} needs temperature 1, got ${other}: it says log-probabilities at 1 only; leave temperature out`,
      );
    }
    return await teacher.check(student.tokenizer);
  }
  checkArgument("distill's second argument", "model", teacher);
  if (teacher.decoder === student.decoder) {
    throw new TeacherError(
      "distilling a model from itself teaches nothing, and its teacher would change with every step; load the teacher as a model of its own",
    );
  }
  const difference = compareVocabularies(student.tokenizer, teacher.tokenizer);
  if (difference) {
    const said = (token: string | null) => token === null ? "no token" : JSON.stringify(token);
    throw new TeacherError(
      `distilling from ${teacher.source}: teacher and student must have one vocabulary, but ${difference.count} tokens differ, the first being ${difference.id}: ${
        said(difference.other)
      } to the teacher, ${said(difference.one)} to the student; take a teacher of the student's family`,
    );
  }
  const [own, theirs] = [student, teacher].map(({ decoder }) => decoder.config.vocabSize);
  if (own !== theirs && divergence !== "sampled") {
    throw new RangeError(
      `distilling from ${teacher.source} with divergence exact needs tables of one size, got ${theirs} rows and ${own}: the same tokens, padded otherwise; ` +
        "set divergence to sampled",
    );
  }
}
