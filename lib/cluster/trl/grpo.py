"""Reinforcement learning on data/grpo.jsonl from where SFT ended; what was learnt goes to output/grpo."""
import torch
from datasets import load_dataset
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from common import HERE, MODEL, base_model, options, trainer_arguments
from rewards import reward_function

given, lora, start = options("grpo"), options("lora"), HERE / "output/sft"
trainer_class, config_class = (RLOOTrainer, RLOOConfig) if given.pop("trainer") == "rloo" else (GRPOTrainer, GRPOConfig)
arguments = trainer_arguments(given, given["generation_batch_size"])
arguments.pop("model_init_kwargs")
dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
trained_whole = (start / "config.json").is_file()
model = AutoModelForCausalLM.from_pretrained(
    str(start) if trained_whole else base_model(), dtype=dtype, revision=MODEL.get("revision") or "main"
)
if (start / "adapter_config.json").is_file():
    model = PeftModel.from_pretrained(model, str(start), is_trainable=True)  # the same adapter goes on
trainer = trainer_class(
    model=model,
    processing_class=AutoTokenizer.from_pretrained(base_model()),
    reward_funcs=reward_function(given["max_steps"], HERE / "output/completions.jsonl"),
    # in the order of the curriculum
    train_dataset=load_dataset("json", data_files=str(HERE / "data/grpo.jsonl"), split="train"),
    peft_config=LoraConfig(**lora) if lora and not isinstance(model, PeftModel) else None,
    args=config_class(
        output_dir=str(HERE / "output/grpo"), shuffle_dataset=False, remove_unused_columns=False, **arguments
    ),
)
trainer.train()
trainer.save_model(str(HERE / "output/grpo"))
