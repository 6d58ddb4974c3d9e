"""Processes and devices: who this process is, and a model spread over all of them. Knows how processes are set up.

Data parallel by copies (DDP) or by sharded parameters (FSDP2); tensor parallel by heads and hidden units, embeddings
and norms whole on every process. Pipeline parallelism is left to Megatron.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.nn.parallel import DistributedDataParallel

from curate.errors import ConfigError
from curate.trainer.model.model import GPT
from curate.trainer.train.settings import Parallel


@dataclass(frozen=True)
class World:
    """This process among all."""

    device: torch.device
    rank: int = 0
    size: int = 1
    data_rank: int = 0
    data_size: int = 1
    mesh: DeviceMesh | None = None
    """Dimensions `data` and `tensor`; none for a single process."""

    @property
    def main(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """The sum over data-parallel processes."""
        if self.mesh is not None:
            dist.all_reduce(value, group=self.mesh.get_group("data"))
        return value

    def slowest(self, value: float) -> float:
        """The largest value of any process."""
        if self.mesh is None:
            return value
        largest = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(largest, op=dist.ReduceOp.MAX)
        return largest.item()

    def gather(self, value: Any) -> list[Any]:
        """Every process's value, in order of rank."""
        if self.mesh is None:
            return [value]
        gathered: list[Any] = [None] * self.size
        dist.all_gather_object(gathered, value)
        return gathered

    def wait(self) -> None:
        """Go on when every process is here."""
        if self.mesh is not None:
            dist.barrier()


def pick_device(name: str) -> torch.device:
    """`auto` is this process's GPU where there is one, else the CPU; `cuda` this process's GPU.

    Raises ConfigError for a device that is not here, or is none.
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        name = "cuda" if there else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device: {name!r} is none: use auto, cpu, cuda or cuda:N") from None
    if device.type != "cuda":
        return device
    index = int(os.environ.get("LOCAL_RANK", "0")) if device.index is None else device.index
    if index >= there:
        raise ConfigError(f"device: {name} is not here: PyTorch sees {there} GPUs")
    return torch.device("cuda", index)


@contextmanager
def world(settings: Parallel, device: str) -> Iterator[World]:
    """Join the processes that torchrun (or Ray Train) started; alone where there are none.

    Raises ValueError where the number of processes does not fit the settings.
    """
    here = pick_device(device)
    if here.type == "cuda":
        torch.cuda.set_device(here)
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        if settings.tensor > 1:
            raise ConfigError(f"parallel.tensor {settings.tensor} needs as many processes: start with torchrun")
        yield World(here)
        return
    if size % settings.tensor:
        raise ConfigError(f"{size} processes are no multiple of parallel.tensor {settings.tensor}")
    if settings.tensor > 1 and size > settings.tensor and settings.data != "fsdp":
        raise ConfigError("parallel.tensor with several data-parallel groups needs parallel.data fsdp")
    joined = not dist.is_initialized()
    if joined:
        dist.init_process_group("cpu:gloo,cuda:nccl" if here.type == "cuda" else "gloo")
    try:
        mesh = init_device_mesh(
            here.type, (size // settings.tensor, settings.tensor), mesh_dim_names=("data", "tensor")
        )
        rank, ranks = mesh.get_local_rank("data"), size // settings.tensor
        yield World(here, dist.get_rank(), size, rank, ranks, mesh)
    finally:
        if joined:
            dist.destroy_process_group()


def spread(model: GPT, settings: Parallel, here: World, precision: torch.dtype) -> nn.Module:
    """The model over all processes; call what is returned in place of the model."""
    if here.mesh is None:
        return model
    if settings.tensor > 1:
        _split_layers(model, here.mesh["tensor"])
    if here.data_size == 1:
        return model
    if settings.data == "ddp":
        devices = [here.device.index] if here.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices, process_group=here.mesh.get_group("data"))
    narrow = precision if precision != torch.float32 else None
    policy = MixedPrecisionPolicy(
        param_dtype=narrow, reduce_dtype=torch.float32
    )  # gradients add up unrounded, as in DDP
    for block in model.blocks:
        fully_shard(block, mesh=here.mesh["data"], mp_policy=policy)
    fully_shard(model, mesh=here.mesh["data"], mp_policy=policy)
    return model


def _split_layers(model: GPT, mesh: DeviceMesh) -> None:
    """Heads and hidden units over processes: two sums over the processes per block (Shoeybi et al. 2019, §3)."""
    for block in model.blocks:
        plan: dict[str, Any] = {f"attention.{name}": ColwiseParallel() for name in ("query", "key", "value")}
        plan |= {"attention.output": RowwiseParallel(), "feed_forward.output": RowwiseParallel()}
        plan |= {"feed_forward.inward": ColwiseParallel(), "feed_forward.gate": ColwiseParallel()}
        if block.feed_forward.gate is None:  # type: ignore[union-attr]
            del plan["feed_forward.gate"]
        parallelize_module(block, mesh, plan)


@contextmanager
def accumulating(model: nn.Module, last: bool) -> Iterator[None]:
    """Exchange gradients only in a step's last pass."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(last)
    wait = isinstance(model, DistributedDataParallel) and not last
    with model.no_sync() if wait and isinstance(model, DistributedDataParallel) else nullcontext():
        yield
