"""Two processes compute what one does: copies, sharded parameters, tensor parallel, under torchrun's variables."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from curate.engine.executors import EngineError  # noqa: E402
from curate.errors import ConfigError  # noqa: E402
from curate.trainer.train import checkpoint as checkpoints  # noqa: E402
from curate.trainer.train.metrics import read_metrics  # noqa: E402
from curate.trainer.train.nonfinite import NonFiniteLoss  # noqa: E402
from curate.trainer.train.parallel import pick_device  # noqa: E402
from curate.trainer.train.ray_train import train_on_ray  # noqa: E402
from curate.trainer.train.train import train  # noqa: E402
from tests.support.trainer_example import LENGTH, make_shards, settings  # noqa: E402

STEPS = 3
LLAMA = {
    "vocabulary": 769,
    "context": LENGTH,
    "layers": 2,
    "width": 32,
    "heads": 4,
    "key_value_heads": 2,
    "hidden": 48,
    "activation": "swiglu",
    "norm": "rms",
    "positions": "rotary",
    "bias": False,
    "tied": False,
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.getbasetemp() / "trainer")


def launch(files: list[Path], processes: int) -> None:
    """What torchrun does on one machine: the same file in every process, which know each other by variables."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = (
        "import sys, warnings; warnings.simplefilter('error'); import torch; torch.set_num_threads(1)\n"
        "import torch.distributed as dist; dist.init_process_group('gloo')\n"
        "from curate.cli.main import main\n"
        "for file in sys.argv[1:]:\n    assert main(['train', file]) == 0\n"
        "dist.destroy_process_group()\n"
    )
    started = []
    for rank in range(processes):
        environment = {
            **os.environ,
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-c", program, *map(str, files)]
        started.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
    for process in started:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output


def test_two_processes_compute_what_one_does(shards: Path, tmp_path: Path) -> None:
    """The losses of DDP, FSDP2 and tensor parallel are those of one process, clipping, Muon and mean weights included."""
    cases = {
        "ddp": ({"data": "ddp"}, {}),
        "fsdp-muon": ({"data": "fsdp"}, {"optimizer": {"name": "muon", "clip": 0.1}}),
        "tensor": ({"tensor": 2}, {}),
        "tensor-llama": ({"tensor": 2}, {"model": LLAMA, "recompute_activations": True}),
        "fsdp-llama": ({"data": "fsdp"}, {"model": {**LLAMA, "qk_norm": True}}),
        "fsdp-base": ({"data": "fsdp"}, {"base": str(tmp_path / "ddp" / "one")}),
        "ddp-experts": ({"data": "ddp"}, {"model": {**LLAMA, "experts": 4, "balance": 1.0}}),
    }
    files = []
    for name, (parallel, changes) in cases.items():
        common = {
            "batch": {"tokens": 8 * LENGTH, "micro": 2},
            "budget": {"tokens": STEPS * 8 * LENGTH},
            "every": {"log": 1, "evaluate": 2, "checkpoint": 3},
            "average": 0.7,
            "evaluate_tokens": 10 * LENGTH,
            "optimizer": {"clip": 0.1},
            **changes,
        }
        config = settings(shards, tmp_path / name / "two", STEPS, parallel=parallel, **common)
        file = tmp_path / f"{name}.yaml"
        file.write_text(config.model_dump_json())
        files.append(file)
        train(settings(shards, tmp_path / name / "one", STEPS, **common), lambda _: None)
    launch(files, 2)
    for name in cases:
        one, two = read_metrics(tmp_path / name / "one"), read_metrics(tmp_path / name / "two")
        assert len(one) == len(two) == STEPS, name
        assert [row["loss"] for row in two] == pytest.approx([row["loss"] for row in one], rel=1e-4), name
        close = 1e-2 if "muon" in name else 1e-4  # Muon turns matrices in bfloat16
        norms = [[row["gradient_norm"] for row in rows] for rows in (two, one)]
        assert norms[0] == pytest.approx(norms[1], rel=close), name
        assert two[-1]["bits_per_byte"] == pytest.approx(one[-1]["bits_per_byte"], rel=1e-4), name
        alone = checkpoints.open_checkpoint(tmp_path / name / "one").weights()
        together = checkpoints.open_checkpoint(tmp_path / name / "two").weights()
        assert all(torch.allclose(alone[key], together[key], atol=2e-3) for key in alone), name


def test_a_run_of_two_processes_goes_on_as_one(shards: Path, tmp_path: Path) -> None:
    """A checkpoint does not know how many processes wrote it: the stream and the optimizer go on."""
    common = {"batch": {"tokens": 8 * LENGTH, "micro": 2}, "every": {"log": 1, "evaluate": 9, "checkpoint": 2}}
    half = settings(shards, tmp_path / "run", 4, parallel={"data": "fsdp"}, **common)
    whole = {**common, "budget": {"tokens": 4 * 8 * LENGTH}}
    stopped = half.model_copy(update={"budget": half.budget.model_copy(update={"tokens": 2 * 8 * LENGTH})})
    constant = {"schedule": {"kind": "constant", "warmup": 0.0}}
    stopped = stopped.model_copy(update={"schedule": settings(shards, tmp_path, 1, **constant).schedule})
    file = tmp_path / "half.yaml"
    file.write_text(stopped.model_dump_json())
    launch([file], 2)
    train(settings(shards, tmp_path / "run", 4, **whole, **constant), lambda _: None)
    train(settings(shards, tmp_path / "alone", 4, **whole, **constant), lambda _: None)
    losses = [[row["loss"] for row in read_metrics(tmp_path / name)] for name in ("run", "alone")]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_training_at_an_address_where_no_cluster_answers_is_refused_at_once(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"--address 127\.0\.0\.1:9: no Ray cluster answers there"):
        train_on_ray(settings(shards, tmp_path / "refused", STEPS), 2, "127.0.0.1:9")
    assert not (tmp_path / "refused").exists()


def test_ray_train_s_workers_compute_what_one_process_does(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """By relative paths too, though workers run elsewhere; what is printed is the training's progress."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.chdir(tmp_path)
    every = {"log": 1, "evaluate": 9, "checkpoint": 9}
    (tmp_path / "run").symlink_to(shards)
    train_on_ray(settings(Path("run"), Path("two"), STEPS, every=every), 2)
    assert [line.split("  ")[0] for line in capfd.readouterr().out.splitlines()] == ["step 1/3", "step 2/3", "step 3/3"]
    train(settings(shards, tmp_path / "one", STEPS, every=every), lambda _: None)
    one, two = read_metrics(tmp_path / "one"), read_metrics(tmp_path / "two")
    assert [row["loss"] for row in two] == pytest.approx([row["loss"] for row in one], rel=1e-4)
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["metrics.jsonl", "step-00000003"]


def test_an_error_of_a_worker_is_told_as_what_it_was() -> None:
    """It travels between processes: the documents of a loss that is no number too."""
    error = pickle.loads(pickle.dumps(NonFiniteLoss(3, ["ab", "cd"], 2)))
    assert str(error) == str(NonFiniteLoss(3, ["ab", "cd"], 2))
    assert (error.step, error.documents) == (3, ["ab", "cd"])


def test_cuda_is_this_process_s_gpu_and_what_is_not_here_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """`torch.cuda.set_device` takes a device with its number only."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert pick_device("cuda") == pick_device("auto") == torch.device("cuda", 3)
    assert pick_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ConfigError, match="device: cuda:4 is not here: PyTorch sees 4 GPUs"):
        pick_device("cuda:4")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == torch.device("cpu")
    with pytest.raises(ConfigError, match="device: cuda is not here: PyTorch sees 0 GPUs"):
        pick_device("cuda")
    with pytest.raises(ConfigError, match="device: 'gpu' is none: use auto, cpu, cuda or cuda:N"):
        pick_device("gpu")
