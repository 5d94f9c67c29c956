"""The run's rewards as TRL calls them: scored by the server, annealed by the trainer's step."""
import json

from score import score


def reward_function(steps, log):
    """A reward function of TRL's that appends what it scored to `log`, one line a completion."""

    def showwork(completions, problem, phase, trainer_state=None, log_metric=None, **_):
        step = trainer_state.global_step if trainer_state else 0
        texts = [text if isinstance(text, str) else text[0]["content"] for text in completions]
        samples = [
            {"completion": text, "problem": json.loads(given), "step": step, "steps": steps, "phase": name}
            for text, given, name in zip(texts, problem, phase)
        ]
        results = score(samples)
        with open(log, "a") as file:
            for sample, result in zip(samples, results):
                file.write(json.dumps({**sample, **result}) + "\n")
        if log_metric:
            for name in results[0]["components"]:
                known = [r["components"][name]["score"] for r in results if r["components"][name]["score"] is not None]
                if known:
                    log_metric(f"components/{name}", sum(known) / len(known))
        return [result["total"] for result in results]

    return showwork
