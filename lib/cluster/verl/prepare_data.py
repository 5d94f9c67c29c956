"""data/*.jsonl → data/*.parquet, which verl reads."""
import json
from pathlib import Path

import pandas

HERE = Path(__file__).parent / "data"


def rows(name):
    file = HERE / f"{name}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def reinforcement(row, index):
    return {
        "data_source": "showwork",
        "prompt": row["prompt"],
        "reward_model": {"style": "rule", "ground_truth": row["problem"]},
        "extra_info": {"index": index, "phase": row.get("phase")},
    }


pandas.DataFrame([{"messages": row["prompt"] + row["completion"]} for row in rows("sft")]).to_parquet(HERE / "sft.parquet")
for name in ("grpo", "test"):
    pandas.DataFrame([reinforcement(row, i) for i, row in enumerate(rows(name))]).to_parquet(HERE / f"{name}.parquet")
