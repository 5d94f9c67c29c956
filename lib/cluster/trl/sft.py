"""Supervised fine-tuning on data/sft.jsonl; what was learnt goes to output/sft."""
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer

from common import HERE, base_model, options, trainer_arguments

given, lora = options("sft"), options("lora")
arguments = trainer_arguments(given, given["global_batch_size"])
trainer = SFTTrainer(
    model=base_model(),
    processing_class=AutoTokenizer.from_pretrained(base_model()),
    train_dataset=load_dataset("json", data_files=str(HERE / "data/sft.jsonl"), split="train"),
    peft_config=LoraConfig(**lora) if lora else None,
    args=SFTConfig(output_dir=str(HERE / "output/sft"), completion_only_loss=True, **arguments),
)
trainer.train()
trainer.save_model(str(HERE / "output/sft"))
