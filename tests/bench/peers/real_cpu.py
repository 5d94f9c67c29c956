"""Times transformers, peft and TRL on a real model's shape, the work that showwork's `real` size does; `deno task bench:peers` runs it.

    python real_cpu.py --part sample --shape '{"model_type": "llama", ...}' --work '{"promptLength": 48, ...}'   # prints one JSON line

Weights are random, float32: `--shape` is a config.json's text, `--work` what tests/bench/workload.ts says of it. One part a process, so
that memory is its own: `sample` draws greedily with a KV cache; `sft` is forward, backward and AdamW of a LoRA adapter of rank 16 on all
linear layers; `grpo` is TRL's step of such an adapter, beta 0.03. Every completion is as long as it may be.
"""
import argparse, json, os, random, resource, statistics, sys, tempfile, time
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
start_ms = time.time() * 1000
import torch
from transformers import AutoConfig, AutoModelForCausalLM

RANK, SPECIAL = 16, ["<pad>", "<eos>", "<bos>", "<unk>"]


def make_model(shape):
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape, eos_token_id=1, bos_token_id=2), dtype=torch.float32)


def adapter():
    from peft import LoraConfig
    return LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")


def sample(shape, work, steps):
    model = make_model(shape).eval(); rows, tokens = work["sampled"]["rows"], work["sampled"]["tokens"]; rates = []
    ids = torch.randint(len(SPECIAL), shape["vocab_size"], (rows, work["promptLength"]))
    for _ in range(2):
        t = time.perf_counter()
        with torch.no_grad():
            model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False)
        rates.append(rows * tokens / (time.perf_counter() - t))
    return {"sample_tokens_per_s": max(rates)}


def sft(shape, work, steps):
    from peft import get_peft_model
    model = get_peft_model(make_model(shape), adapter()).train(); rows, length, prompt = (work["sft"][k] for k in ("rows", "length", "prompt"))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    ids = torch.randint(len(SPECIAL), shape["vocab_size"], (rows, length)); labels = ids.clone(); labels[:, :prompt] = -100; times = []
    for _ in range(steps + 1):
        t = time.perf_counter()
        model(input_ids=ids, labels=labels).loss.backward(); optimizer.step(); optimizer.zero_grad()
        times.append(time.perf_counter() - t)
    return {"sft_first_s": times[0], "sft_step_s": statistics.median(times[1:])}


def grpo(shape, work, steps):
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from timed_trainer import Started, TimedTrainer
    from transformers import PreTrainedTokenizerFast
    from trl import GRPOConfig
    vocab = {word: i for i, word in enumerate(SPECIAL)} | {f"w{i}": i for i in range(len(SPECIAL), shape["vocab_size"])}
    words = Tokenizer(models.WordLevel(vocab, unk_token="<unk>")); words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>")
    rng, new, folder = random.Random(0), work["newTokens"], tempfile.mkdtemp()
    prompts = [{"prompt": " ".join(f"w{rng.randrange(len(SPECIAL), shape['vocab_size'])}" for _ in range(work["promptLength"]))} for _ in range(64)]
    out, times = {}, []

    TimedTrainer(times, model=make_model(shape), processing_class=tokenizer, train_dataset=Dataset.from_list(prompts), peft_config=adapter(),
          reward_funcs=lambda completions, **_: [len(set(c.split())) / new for c in completions],
          args=GRPOConfig(output_dir=folder, per_device_train_batch_size=work["prompts"] * work["group"], num_generations=work["group"],
                          max_completion_length=new, generation_kwargs={"min_new_tokens": new}, max_steps=steps + 1, logging_steps=1000,
                          report_to=[], beta=0.03, use_cpu=True, bf16=False, gradient_checkpointing=False,
                          temperature=work["temperature"], save_strategy="no", disable_tqdm=True), callbacks=[Started(out, start_ms)]).train()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return {**out, "grpo_first_s": times[0], "grpo_step_s": statistics.median(times[1:]), "peak_rss_mb": peak}


if __name__ == "__main__":
    args = argparse.ArgumentParser(); args.add_argument("--part", choices=["sample", "sft", "grpo"], required=True)
    args.add_argument("--shape", type=json.loads, required=True); args.add_argument("--work", type=json.loads, required=True)
    args.add_argument("--steps", type=int, default=3); args = args.parse_args()
    print(json.dumps({"sample": sample, "sft": sft, "grpo": grpo}[args.part](args.shape, args.work, args.steps)))
