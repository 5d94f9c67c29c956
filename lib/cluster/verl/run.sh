#!/usr/bin/env bash
# One machine: SFT, then GRPO. GPUS is how many. On several, start Ray on each (ray start --head, ray start --address …) and
# `ray job submit --working-dir . -- env NODES=2 GPUS=8 bash run.sh`.
set -euo pipefail
cd "$(dirname "$0")"
url="${SHOWWORK_REWARDS:-http://127.0.0.1:8000}"
curl -fsS "$url/health" >/dev/null || { echo "the reward server must run at $url: see README.md"; exit 1; }
export PYTHONPATH="$PWD"
gpus="${GPUS:-1}" nodes="${NODES:-1}" base="$(python -c 'import json,os; print("model" if os.path.isdir("model") else json.load(open("options/model.json"))["path"])')"
python prepare_data.py
mapfile -t sft < <(python hydra_overrides.py sft)
mapfile -t grpo < <(python hydra_overrides.py grpo)
start="$base"
if [ -s data/sft.jsonl ]; then
  torchrun --standalone --nnodes=1 --nproc_per_node="$gpus" -m verl.trainer.sft_trainer \
    data.train_files=data/sft.parquet data.messages_key=messages model.path="$base" \
    trainer.default_local_dir=output/sft trainer.project_name=showwork 'checkpoint.save_contents=[hf_model]' "${sft[@]}"
  start="$(ls -d output/sft/global_step_*/huggingface | sort -V | tail -1)"
fi
python -m verl.trainer.main_ppo \
  data.train_files=data/grpo.parquet data.val_files=data/test.parquet data.shuffle=false \
  actor_rollout_ref.model.path="$start" actor_rollout_ref.rollout.name="${ROLLOUT:-vllm}" \
  actor_rollout_ref.rollout.load_format=safetensors \
  reward.custom_reward_function.path="$PWD/rewards.py" reward.custom_reward_function.name=compute_score \
  trainer.n_gpus_per_node="$gpus" trainer.nnodes="$nodes" trainer.default_local_dir=output/grpo \
  trainer.project_name=showwork 'trainer.logger=["console"]' "${grpo[@]}"
