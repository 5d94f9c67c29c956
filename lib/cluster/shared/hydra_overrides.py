"""Prints options/NAME.json as overrides for Hydra, one a line: `python hydra_overrides.py grpo`."""
import json
import sys
from pathlib import Path

for name, value in json.loads((Path(__file__).parent / f"options/{sys.argv[1]}.json").read_text()).items():
    print(f"++{name}={json.dumps(value)}")
