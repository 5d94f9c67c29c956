"""What both stages need: options from `options/`, the model, and how a batch is shared among processes."""
import json
import os
from pathlib import Path

import torch

HERE = Path(__file__).parent
MODEL = json.loads((HERE / "options/model.json").read_text())


def options(name):
    return json.loads((HERE / f"options/{name}.json").read_text())


def base_model():
    """Where the base model is: the folder that came with this project, or a hub id."""
    return str(HERE / "model") if (HERE / "model").is_dir() else MODEL["path"]


def trainer_arguments(given, completions_a_step):
    """TrainingArguments out of options: the batch of a step is shared among processes and accumulation."""
    given = dict(given)
    processes = int(os.environ.get("WORLD_SIZE", 1))
    share, rest = divmod(completions_a_step, processes * given["gradient_accumulation_steps"])
    if rest:
        raise SystemExit(
            f"a step has {completions_a_step} sequences, which {processes} processes × "
            f"{given['gradient_accumulation_steps']} parts cannot share: choose another --num_processes"
        )
    given.pop("global_batch_size", None)
    cpu = not torch.cuda.is_available()
    return {
        **given,
        "per_device_train_batch_size": share,
        "use_cpu": cpu,
        "bf16": not cpu,
        "model_init_kwargs": {"dtype": "float32" if cpu else "bfloat16", **({"revision": MODEL["revision"]} if MODEL.get("revision") else {})},
        "logging_steps": 1,
        "report_to": [],
    }
