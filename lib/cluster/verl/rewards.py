"""The run's rewards as verl calls them: scored by the server, which counts completions to know the step."""
import asyncio
import json

from score import score


async def compute_score(data_source, solution_str, ground_truth, extra_info=None, **_):
    sample = {"completion": solution_str, "problem": json.loads(ground_truth)}
    if extra_info and extra_info.get("phase"):
        sample["phase"] = extra_info["phase"]
    [result] = await asyncio.to_thread(score, [sample])
    known = {name: part["score"] for name, part in result["components"].items() if part["score"] is not None}
    return {"score": result["total"], **known}
