"""
What PyTorch does on the same card in float32, beside gpu.ts: products, sampling, an SFT step and a GRPO step with LoRA on a random model of Gemma 3's
shape. Medians, then one JSON line with gpu.ts's names, which takes it by --torch. Where torch sees no CUDA it says so and ends well, unless --tiny
runs it on the CPU.

    python tests/bench/gpu_torch.py [--tiny] [--times 5] [--shape 270m|1b] > torch.json
"""

import argparse
import json
import statistics
import sys
import time

arguments = argparse.ArgumentParser()
arguments.add_argument("--tiny", action="store_true")
arguments.add_argument("--times", type=int, default=5)
arguments.add_argument("--shape", choices=["270m", "1b"], default="270m")
options = arguments.parse_args()
tiny = options.tiny

try:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig
except ImportError as error:
    sys.exit(print(f"skipped: {error}"))
if not torch.cuda.is_available() and not tiny:
    sys.exit(print("skipped: torch sees no CUDA"))

device = "cuda" if torch.cuda.is_available() else "cpu"
torch.backends.cuda.matmul.allow_tf32 = False
torch.manual_seed(1)
results = {}


def seconds(work):
    taken = []
    for _ in range(options.times + 1):
        begun = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])


def say(name, value):
    results[name] = value
    print(f"{name:34} {value:.4g}")


for size in [48] if tiny else [1024, 2048, 4096]:
    a, b = torch.rand(size, size, device=device), torch.rand(size, size, device=device)
    runs = 2 if tiny else 20
    say(f"matmul_{size}_tflops_torch", 2 * size**3 * runs / seconds(lambda: [a @ b for _ in range(runs)]) / 1e12)

hidden, intermediate, layers = (32, 64, 2) if tiny else {"270m": (640, 2048, 18), "1b": (1152, 6912, 26)}[options.shape]
config = Gemma3TextConfig(
    vocab_size=500 if tiny else 262_144,
    hidden_size=hidden,
    intermediate_size=intermediate,
    num_hidden_layers=layers,
    num_attention_heads=4,
    num_key_value_heads=1,
    head_dim=16 if tiny else 256,
    query_pre_attn_scalar=16 if tiny else 256,
    sliding_window=512,
    eos_token_id=None,
    pad_token_id=0,
)
model = Gemma3ForCausalLM(config).to(device).float()

tokens = 4 if tiny else 128
prompt = torch.tensor([[3 + i * 7 % 400 for i in range(5 if tiny else 64)]], device=device)
for rows in [1, 8, 3 if tiny else 32]:
    took = seconds(
        lambda: model.generate(prompt.repeat(rows, 1), max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False)
    )
    say(f"sample_tokens_per_s_torch_{rows}_rows", rows * tokens / took)

targets = "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split()
model = get_peft_model(model, LoraConfig(r=16, lora_alpha=16, target_modules=targets))
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0)
batch, length = (2, 9) if tiny else (4, 128)
ids = torch.tensor(
    [[3 + (b * 131 + t * 17) % (config.vocab_size - 3) for t in range(length)] for b in range(batch)], device=device
)


def step():
    optimizer.zero_grad()
    model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()


say("sft_step_s_torch", seconds(step))

completions = 3 if tiny else 8
drawn = None


def sample():
    global drawn
    drawn = model.generate(
        prompt.repeat(completions, 1), max_new_tokens=tokens, min_new_tokens=tokens, do_sample=True, top_k=0
    )


def train():
    optimizer.zero_grad()
    logits = model(input_ids=drawn[:, :-1]).logits[:, prompt.shape[1] - 1 :]
    logprobs = logits.log_softmax(-1).gather(-1, drawn[:, prompt.shape[1] :, None])
    signs = torch.tensor([1 if i % 2 else -1 for i in range(completions)], device=device)
    (logprobs.squeeze(-1).sum(1) * signs).sum().div(completions * tokens).backward()


say("grpo_sampling_s_torch", seconds(sample))
say("grpo_training_s_torch", seconds(train))
print(json.dumps({"device": torch.cuda.get_device_name() if device == "cuda" else "cpu", "tiny": tiny, "shape": options.shape, **results}))
