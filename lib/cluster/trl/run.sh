#!/usr/bin/env bash
# One machine: SFT, then GRPO. PROCESSES is how many (one a GPU); CPU=1 trains without GPUs.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p output
url="${SHOWWORK_REWARDS:-http://127.0.0.1:8000}"
curl -fsS "$url/health" >/dev/null || { echo "the reward server must run at $url: see README.md"; exit 1; }
launch() { accelerate launch --num_processes "${PROCESSES:-1}" --num_machines 1 --mixed_precision no --dynamo_backend no ${CPU:+--cpu} "$@"; }
[ -s data/sft.jsonl ] && launch sft.py
launch grpo.py
