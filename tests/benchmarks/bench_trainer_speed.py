"""GPT-2 124M on one device: tokens/s and MFU beside nanoGPT's model and loop, on the same device in the same run.

    python tests/benchmarks/bench_trainer_speed.py runs/mine --nanogpt ../nanoGPT
    python tests/benchmarks/bench_trainer_speed.py runs/mine --tiny --device cpu      # does the script work? no GPU needed

`--nanogpt` is a checkout of karpathy/nanoGPT; without it only this trainer is measured. Both train the same shape on the
same tokens with bfloat16, torch.compile and fused AdamW (on a CPU float32), and as many sequences per pass and step.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from curate.shards import Loader
from curate.trainer.model.architecture import Architecture, training_flops_per_token
from curate.trainer.train.metrics import model_flops_utilization, read_metrics
from curate.trainer.train.parallel import pick_device
from curate.trainer.train.settings import Training
from curate.trainer.train.train import train

WARM_UP = 10  # steps that are not counted: compilation, caches, clocks


def ours(data: str, shape: Architecture, device: str, micro: int, passes: int, steps: int, compiled: bool) -> float:
    """Tokens per second of this trainer: the median of its own log."""
    length = shape.context
    with tempfile.TemporaryDirectory() as out:
        settings = Training.model_validate(
            {
                "model": shape.model_dump(),
                "data": {"path": data, "sequence_length": length},
                "budget": {"tokens": (WARM_UP + steps) * micro * passes * length},
                "batch": {"tokens": micro * passes * length, "micro": micro},
                "compile": compiled,
                "precision": "bfloat16" if device.startswith("cuda") else "float32",
                "every": {"log": 5, "evaluate": 10**9, "checkpoint": 10**9},
                "evaluate_tokens": 0,
                "device": device,
                "out": out,
            }
        )
        train(settings, say=lambda line: None)
        rows = [row for row in read_metrics(Path(out)) if row["step"] > WARM_UP]
    return statistics.median(row["tokens_per_second"] for row in rows)


def theirs(
    folder: str,
    data: str,
    shape: Architecture,
    device: torch.device,
    micro: int,
    passes: int,
    steps: int,
    compiled: bool,
) -> float:
    """Tokens per second of nanoGPT: its model, its optimizer, the loop of its train.py."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", Path(folder) / "model.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"no model.py in {folder}: give a checkout of nanoGPT")
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    loader = Loader(data, shape.context, 1)
    flat = np.concatenate([loader.reader.open(entry).tokens for entry in loader.reader.split("train")])
    config = module.GPTConfig(
        block_size=shape.context,
        vocab_size=shape.vocabulary,
        n_layer=shape.layers,
        n_head=shape.heads,
        n_embd=shape.width,
        dropout=0.0,
        bias=True,
    )
    model = module.GPT(config).to(device)
    optimizer = model.configure_optimizers(0.1, 6e-4, (0.9, 0.95), device.type)
    if compiled:
        model = torch.compile(model)
    cuda = device.type == "cuda"
    cast = torch.autocast(device.type, dtype=torch.bfloat16) if cuda else nullcontext()
    draws = torch.Generator().manual_seed(0)

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        starts = torch.randint(len(flat) - shape.context, (micro,), generator=draws).tolist()
        x = torch.stack([torch.from_numpy(flat[i : i + shape.context].astype(np.int64)) for i in starts])
        y = torch.stack([torch.from_numpy(flat[i + 1 : i + 1 + shape.context].astype(np.int64)) for i in starts])
        if cuda:
            return x.pin_memory().to(device, non_blocking=True), y.pin_memory().to(device, non_blocking=True)
        return x, y

    x, y = batch()
    started = 0.0
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            if cuda:
                torch.cuda.synchronize()
            started = time.perf_counter()
        for _ in range(passes):
            with cast:
                _, loss = model(x, y)
            x, y = batch()
            (loss / passes).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    if cuda:
        torch.cuda.synchronize()
    return steps * passes * micro * shape.context / (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="run directory or shards")
    parser.add_argument("--nanogpt", help="a checkout of nanoGPT")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--micro", type=int, default=32)
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--tiny", action="store_true", help="a tiny model, uncompiled")
    options = parser.parse_args()
    device = pick_device(options.device)
    vocabulary = Loader(options.data, 1, 1).reader.tokenizer["vocabulary_size"]
    shape = Architecture(vocabulary=-(-vocabulary // 64) * 64)  # padded to 64 columns, as nanoGPT pads to 50,304
    if options.tiny:
        small = {"vocabulary": vocabulary, "layers": 1, "width": 32, "heads": 2, "context": 32}
        shape = shape.model_copy(update=small)
        options.micro, options.passes, options.steps = 2, 1, 10
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    print(
        f"{name}, torch {torch.__version__}, {options.micro} x {shape.context} tokens per pass, {options.passes} passes"
    )
    speeds = {
        "curate": ours(options.data, shape, str(device), options.micro, options.passes, options.steps, not options.tiny)
    }
    if options.nanogpt:
        arguments = (options.micro, options.passes, options.steps, not options.tiny)
        speeds["nanoGPT"] = theirs(options.nanogpt, options.data, shape, device, *arguments)
    flops = training_flops_per_token(shape, shape.context)
    for peer, speed in speeds.items():
        mfu = model_flops_utilization(flops, speed, name, 1)
        print(f"{peer:8} {speed:12,.0f} tokens/s  MFU {'unknown device' if mfu is None else f'{mfu:.1%}'}")
    if "nanoGPT" in speeds:
        print(f"ratio    {speeds['curate'] / speeds['nanoGPT']:.2f}")


if __name__ == "__main__":
    main()
