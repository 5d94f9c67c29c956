"""The work of tests/bench/gemma_270m.ts in PyTorch: transformers loads and samples, peft and AdamW take the SFT step, TRL the GRPO step.

    python tests/bench/peers/gemma_270m.py DIRECTORY

DIRECTORY holds the checkpoint and the work.json that gemma_270m.ts wrote. Weights are widened to float32, as there.
"""
import json, os, pathlib, statistics, sys, tempfile, time
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
from timed_trainer import TimedTrainer
from trl import GRPOConfig

directory = sys.argv[1]
work = json.loads(pathlib.Path(directory, "work.json").read_text())
prompts = [entry["ids"] for entry in work["prompts"]]
NEW, REPEATS = work["newTokens"], work["repeats"]
lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
rows = []


def memory(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith(name))


def stage(name, work):
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    started = time.perf_counter()
    seconds, note = work()
    rows.append(dict(stage=name, seconds=round(seconds or time.perf_counter() - started, 3), peakMb=round(memory("VmHWM")), note=note))
    print(json.dumps(rows[-1]), flush=True)


def load():
    global model
    before = memory("VmRSS")
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    AutoTokenizer.from_pretrained(directory)
    return None, f"resident before {before:.0f} MB, {torch.get_num_threads()} threads"


def sample():
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in prompts])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts])
    times = []
    model.eval()
    for _ in range(REPEATS):
        started = time.perf_counter()
        model.generate(ids, attention_mask=mask, max_new_tokens=NEW, min_new_tokens=NEW, do_sample=True, temperature=1.0, top_k=0, top_p=1.0)
        times.append(time.perf_counter() - started)
    seconds = statistics.median(times)
    return seconds, f"{len(prompts)} x {NEW} tokens, {len(prompts) * NEW / seconds:.1f} tokens/s"


def sft():
    global model
    model = get_peft_model(model, lora)
    rows = [prompt + completion for prompt, completion in zip(prompts, work["completions"])]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    labels = torch.tensor([[-100] * len(prompt) + completion + [-100] * (longest - len(prompt) - len(completion))
                           for prompt, completion in zip(prompts, work["completions"])])
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    times, losses = [], []
    model.train()
    for _ in range(REPEATS):
        started = time.perf_counter()
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.perf_counter() - started)
        losses.append(round(loss.item(), 3))
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return statistics.median(times[1:]), f"{len(rows)} x {longest} tokens padded, adapter {trained / 1e6:.2f} M, losses {losses}"


def grpo():
    tokenizer = AutoTokenizer.from_pretrained(directory)
    texts = [entry["text"].removeprefix("<bos>") for entry in work["prompts"]]
    times = []

    batch = work["groups"] * work["generations"]
    with tempfile.TemporaryDirectory() as out:
        TimedTrainer(times, model=model, processing_class=tokenizer, train_dataset=Dataset.from_list([{"prompt": text} for text in texts * 8]),
              reward_funcs=lambda completions, **_: [float(len(set(text))) for text in completions],
              args=GRPOConfig(output_dir=out, per_device_train_batch_size=batch, num_generations=work["generations"],
                              max_completion_length=NEW, max_steps=REPEATS, logging_steps=1000, report_to=[], beta=0.03, use_cpu=True,
                              bf16=False, gradient_checkpointing=False, temperature=1.0, save_strategy="no", disable_tqdm=True,
                              learning_rate=1e-5)).train()
    return statistics.median(times[1:]), f"{work['groups']} x {work['generations']} completions of at most {NEW} tokens, first {times[0]:.2f} s"


for name, run in [("load", load), ("sample", sample), ("sft step", sft), ("grpo step", grpo)]:
    stage(name, run)
