"""Times TRL, transformers and PyTorch on the work that showwork's CPU benchmark does, on this machine.

    python trl_cpu.py --size small          # prints one JSON line; `deno task bench:peers` runs it beside ours
    python trl_cpu.py --size small --grpo   # GRPO alone: its start and its peak memory

Work: a randomly initialised Gemma-3-architecture model (small: 1.1 M parameters, medium: 6.4 M),
GRPO with 4 prompts x 8 completions, prompts of 32 tokens, at most 64 new tokens, beta 0.03, temperature 1;
an SFT step on 32 x 96 tokens (forward, backward, AdamW); sampling 32 x 64 tokens with a KV cache.
"""
import argparse, json, os, random, resource, statistics, sys, tempfile, time
os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
start, start_ms = time.perf_counter(), time.time() * 1000
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast
from timed_trainer import Started, TimedTrainer
from trl import GRPOConfig

SIZES = {"small": (128, 4), "medium": (256, 6)}
VOCAB, PROMPT, NEW, PROMPTS, GROUP = 512, 32, 64, 4, 8


def main():
    args = argparse.ArgumentParser(); args.add_argument("--size", default="small", choices=SIZES)
    args.add_argument("--grpo", action="store_true"); args.add_argument("--steps", type=int, default=12); args = args.parse_args()
    width, layers = SIZES[args.size]; out = {"size": args.size, "import_s": time.perf_counter() - start}
    work = tempfile.mkdtemp(); torch.manual_seed(0); rng = random.Random(0)
    vocab = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3} | {f"w{i}": i + 4 for i in range(VOCAB - 4)}
    words = Tokenizer(models.WordLevel(vocab, unk_token="<unk>")); words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>")
    Gemma3ForCausalLM(Gemma3TextConfig(
        vocab_size=VOCAB, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=4, head_dim=width // 4, max_position_embeddings=256, sliding_window=256,
        pad_token_id=0, eos_token_id=1, bos_token_id=2)).save_pretrained(work)
    tokenizer.save_pretrained(work); model = Gemma3ForCausalLM.from_pretrained(work)
    out["parameters"] = sum(p.numel() for p in model.parameters()); out["threads"] = torch.get_num_threads()
    prompts = Dataset.from_list([{"prompt": " ".join(f"w{rng.randrange(VOCAB - 4)}" for _ in range(PROMPT))} for _ in range(512)])
    times = []

    TimedTrainer(times, model=model, processing_class=tokenizer, train_dataset=prompts,
          reward_funcs=lambda completions, **_: [len(set(c.split())) / NEW for c in completions],
          args=GRPOConfig(output_dir=work, per_device_train_batch_size=PROMPTS * GROUP, num_generations=GROUP,
                          max_completion_length=NEW, max_steps=args.steps, logging_steps=1000, report_to=[], beta=0.03,
                          use_cpu=True, bf16=False, gradient_checkpointing=False, temperature=1.0, save_strategy="no",
                          disable_tqdm=True), callbacks=[Started(out, start_ms)]).train()
    out["grpo_step_s"] = statistics.median(times[1:]); out["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    if args.grpo:
        return print(json.dumps(out))
    ids = torch.randint(4, VOCAB, (PROMPTS * GROUP, PROMPT)); model.eval(); rates = []
    for _ in range(6):
        t = time.perf_counter()
        model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, min_new_tokens=NEW, do_sample=True)
        rates.append(ids.shape[0] * NEW / (time.perf_counter() - t))
    out["sample_tokens_per_s"] = statistics.median(rates[1:])
    batch = torch.randint(4, VOCAB, (PROMPTS * GROUP, PROMPT + NEW)); optimizer = torch.optim.AdamW(model.parameters()); model.train(); times = []
    for _ in range(8):
        t = time.perf_counter(); model(input_ids=batch, labels=batch).loss.backward(); optimizer.step(); optimizer.zero_grad(); times.append(time.perf_counter() - t)
    out["sft_step_s"] = statistics.median(times[1:]); print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in out.items()}))


if __name__ == "__main__":
    main()
