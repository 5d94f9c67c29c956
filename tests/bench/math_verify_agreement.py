"""Math-Verify's verdicts on a JSON list of {reference, answer}, for math_verify_agreement.ts."""

import json
import sys

from math_verify import parse, verify


def verdict(reference, answer):
    gold = parse(f"${reference}$", parsing_timeout=5)
    return bool(verify(gold, parse(answer, parsing_timeout=5), timeout_seconds=5))


with open(sys.argv[1], encoding="utf-8") as file:
    cases = json.load(file)

verdicts = []
for case in cases:
    reference, answer = case["reference"], case["answer"]
    bare = not any(mark in answer for mark in ("$", "\\boxed", "\\[", "\\("))
    plain = verdict(reference, answer)
    dollars = verdict(reference, f"${answer}$") if bare else plain
    verdicts.append({"plain": plain, "dollars": dollars})
json.dump(verdicts, sys.stdout)
