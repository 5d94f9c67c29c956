#!/usr/bin/env bash
# One machine: SFT, then GRPO by Ray. GPUS is how many. On several, start Ray on each (ray start --head, ray start --address …) and
# `ray job submit --working-dir . -- env NODES=2 GPUS=8 bash run.sh`.
set -euo pipefail
cd "$(dirname "$0")"
url="${SHOWWORK_REWARDS:-http://127.0.0.1:8000}"
curl -fsS "$url/health" >/dev/null || { echo "the reward server must run at $url: see README.md"; exit 1; }
gpus="${GPUS:-1}" nodes="${NODES:-1}" base="$(python -c 'import json,os; print("model" if os.path.isdir("model") else json.load(open("options/model.json"))["path"])')"
mapfile -t sft < <(python arguments.py sft)
mapfile -t grpo < <(python arguments.py grpo)
start="$base"
if [ -s data/sft.jsonl ]; then
  deepspeed --num_gpus "$gpus" --module openrlhf.cli.train_sft --model.model_name_or_path "$base" \
    --data.dataset data/sft.jsonl --data.input_key prompt --data.output_key completion --data.apply_chat_template \
    --ckpt.output_dir output/sft "${sft[@]}"
  start=output/sft
fi
python -m openrlhf.cli.train_ppo_ray --actor.model_name_or_path "$start" --reward.remote_url "$url/get_reward" \
  --data.prompt_dataset data/grpo.jsonl --data.input_key prompt --data.label_key problem --data.apply_chat_template \
  --actor.num_nodes "$nodes" --actor.num_gpus_per_node "$gpus" --ref.num_nodes "$nodes" --ref.num_gpus_per_node "$gpus" \
  --train.colocate_all --vllm.num_engines "$((nodes * gpus))" --vllm.enable_sleep --ds.enable_sleep \
  --ckpt.output_dir output/grpo "${grpo[@]}"
