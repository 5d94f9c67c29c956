/** R4's rubric: the criteria and the points that each may earn, 100 together. */
export const rubricPoints = {
  reasoningQuality: 40,
  answerCorrectness: 30,
  traceCoherence: 20,
  stepClarity: 10,
} as const;

/** One of the criteria. */
export type RubricCriterion = keyof typeof rubricPoints;

/** Points earned by criterion. */
export type RubricScores = Record<RubricCriterion, number>;

export const rubricCriteria = Object.keys(rubricPoints) as RubricCriterion[];

/** The share of all points that was earned, 0 to 1. */
export function rubricTotal(scores: RubricScores): number {
  return rubricCriteria.reduce((sum, criterion) => sum + scores[criterion], 0) / 100;
}
