"""TRL's trainer with the seconds of each step, and when the first was done."""
import os, time
from transformers import TrainerCallback
from trl import GRPOTrainer


class TimedTrainer(GRPOTrainer):
    """Appends each step's seconds to `times`."""

    def __init__(self, times, **options):
        super().__init__(**options)
        self.times = times

    def training_step(self, *a, **k):
        t = time.perf_counter(); loss = super().training_step(*a, **k); self.times.append(time.perf_counter() - t); return loss


class Started(TrainerCallback):
    """Sets `start_s` in `out`: since the process started, by the clock of the one that started it, or `start_ms`."""

    def __init__(self, out, start_ms):
        self.out, self.start_ms = out, start_ms

    def on_step_end(self, *_, **__):
        self.out.setdefault("start_s", time.time() - float(os.environ.get("STARTED_MS", self.start_ms)) / 1000)
