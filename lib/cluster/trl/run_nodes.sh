#!/usr/bin/env bash
# Several machines: run this on each, with RANK (0 … NODES - 1), NODES, PROCESSES (GPUs in all) and MAIN (the address of the machine of rank 0).
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p output
launch() {
  accelerate launch --num_machines "$NODES" --machine_rank "$RANK" --num_processes "$PROCESSES" \
    --main_process_ip "$MAIN" --main_process_port "${PORT:-29500}" --mixed_precision bf16 --dynamo_backend no "$@"
}
[ -s data/sft.jsonl ] && launch sft.py
launch grpo.py
