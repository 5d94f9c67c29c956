"""Prints options/NAME.json as command-line arguments, one a line: `python arguments.py grpo`."""
import json
import sys
from pathlib import Path

for name, value in json.loads((Path(__file__).parent / f"options/{sys.argv[1]}.json").read_text()).items():
    print(f"--{name}")
    if value is not True:
        print("\n".join(str(part) for part in (value if isinstance(value, list) else [value])))
