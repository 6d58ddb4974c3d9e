"""What a validation file says: mixes, seeds, proxies and what they are measured by. Knows no PyTorch."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from curate.settings import Model, Name, Share, Strings
from curate.trainer.evaluate.own_tasks import OWN
from curate.trainer.evaluate.task_formats import Style
from curate.trainer.evaluate.task_scores import ACCURACY, GOLD, MEASURES
from curate.trainer.evaluate.tasks import find_task
from curate.trainer.train.settings import Instruct, Natural, Training


class Evaluation(Model):
    """What every proxy is measured by. Paths are relative to the file."""

    texts: dict[Name, str] = Field(
        {},
        description="one validation set for all mixes: per domain a JSON Lines file with the column `text`; default: what "
        "the mixes' runs hold back, a domain for each source",
    )
    overlap: Share = Field(
        0.2,
        description="texts of which a mix holds more than this share of runs of 13 tokens are left out for all mixes",
    )
    limit: Natural | None = Field(
        None,
        description="most texts of a domain and items of a task, by hash; default: all, of texts held back 1,000",
    )
    tasks: Strings = Field(
        (),
        description="by name; `curate tasks list` has them. next-words and last-word are made from the texts; default: "
        "those two where no texts are named, else none",
    )
    shots: tuple[Annotated[int, Field(ge=0)], ...] = (0,)
    style: Style = Field("olmes", description="how tasks are written and choices compared: olmes, or harness")
    measures: Annotated[Strings, Field(min_length=1)] = Field(
        (ACCURACY, GOLD), description="of the tasks: accuracy, gold bits/byte, probability, margin"
    )
    folder: str = Field("", description="folder of the tasks' files; default: that of `curate tasks fetch`")
    instruct: Instruct | None = Field(
        None, description="conversations that every proxy is taught at its end, and others whose answers are measured"
    )
    points: Natural = Field(5, description="measurements along each learning curve")

    @field_validator("measures")
    @classmethod
    def _measures_there_are(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in MEASURES:
                raise ValueError(f"no measure {name!r}; there are {', '.join(MEASURES)}")
        return names

    @model_validator(mode="before")
    @classmethod
    def _default_suite(cls, value: Any) -> Any:
        return {"tasks": OWN, **value} if isinstance(value, dict) and not value.get("texts") else value

    @field_validator("tasks")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            find_task(name)
        return names


def refuse_data_path(value: Any) -> Any:
    """The keys of a file, unless its proxy names what it reads."""
    proxy = value.get("proxy") if isinstance(value, dict) else None
    if isinstance(proxy, dict) and "path" in (proxy.get("data") or {}):
        raise ValueError("proxy.data.path: leave it out, the mixes are what is read")
    return value


class Stopping(Model):
    """When mixes that are shown not to be the best are trained no further."""

    looks: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=1)] = Field(
        description="after how many seeds of each mix it is asked, such as [3, 5]"
    )
    error: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.05, description="largest chance that the best mix is among those stopped"
    )

    @field_validator("looks")
    @classmethod
    def _rising(cls, looks: tuple[int, ...]) -> tuple[int, ...]:
        if list(looks) != sorted(set(looks)):
            raise ValueError(f"{list(looks)} do not rise: give each number of seeds once, the smallest first")
        return looks


def at_size(proxy: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A training file's keys with those of a size in place of theirs; a budget is replaced whole, as is a preset.

    >>> at_size({"model": "gpt2-124m", "budget": {"tokens": 5}}, {"model": {"layers": 2}, "budget": {"flops": 9}})
    {'model': {'preset': 'gpt2-124m', 'layers': 2}, 'budget': {'flops': 9}}
    """
    made = dict(proxy)
    for key, value in changes.items():
        was = made.get(key)
        if key == "model" and isinstance(was, str):
            was = {"preset": was}
        whole = key == "budget" or (isinstance(value, dict) and "preset" in value)
        made[key] = {**was, **value} if isinstance(was, dict) and isinstance(value, dict) and not whole else value
    return made


class Validation(Model):
    """A validation file."""

    name: str = "validation"
    mixes: Annotated[dict[Name, str], Field(min_length=2)] = Field(description="name: run directory, shards or mix")
    seeds: Natural = Field(5, description="proxies per mix; each begins elsewhere in the mix's order of sequences")
    first_seed: int = 0
    proxy: Training
    sizes: dict[Name, Training] = Field(
        {},
        description="a ladder of two sizes or more: by name what is other than in `proxy`; mixes are compared at each",
    )
    target: Annotated[float, Field(gt=0)] | None = Field(
        None, description="with sizes: FLOPs of a training to look ahead to; default: ten times the largest proxy's"
    )
    anneal: str = Field(
        "", description="a checkpoint: every proxy is this model, trained on with its mix; `proxy` says for how long"
    )
    evaluation: Evaluation = Field(
        default_factory=lambda: Evaluation.model_validate({}),
        description="what proxies are measured by; default: texts that the mixes' runs hold back, and tasks made from them",
    )
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    baseline: Name | None = Field(None, description="the mix that all others are compared with; default: all pairs")
    matters: Annotated[float, Field(gt=0)] | None = Field(
        None, description="smallest difference in bits per byte that matters: mixes closer than that are equal"
    )
    stopping: Stopping | None = Field(
        None, description="looks before the end, at which hopeless mixes are stopped; the baseline never is"
    )
    devices: Strings | None = Field(None, description="one proxy at a time on each; default: every GPU, or the CPU")
    attempts: Natural = Field(
        3, description="starts of a proxy before it counts as failed; each goes on where it stopped"
    )
    out: str = Field("", description="folder of proxies and verdict; default: validations/NAME")

    @model_validator(mode="after")
    def _baseline_is_a_mix(self) -> Validation:
        if self.baseline is not None and self.baseline not in self.mixes:
            raise ValueError(f"baseline: {self.baseline} is no mix; there are {', '.join(self.mixes)}")
        return self

    @model_validator(mode="after")
    def _looks_before_the_end(self) -> Validation:
        if self.stopping is not None and self.stopping.looks[-1] >= self.seeds:
            raise ValueError(
                f"stopping.looks: {self.stopping.looks[-1]} is no look before the end: there are {self.seeds} seeds"
            )
        return self

    @model_validator(mode="after")
    def _one_base(self) -> Validation:
        if self.anneal and self.sizes:
            raise ValueError("anneal: leave out sizes: a base has one size")
        if self.anneal and self.proxy.base:
            raise ValueError("anneal: leave out proxy.base, which it sets")
        return self

    @model_validator(mode="after")
    def _ladder(self) -> Validation:
        if len(self.sizes) == 1:
            raise ValueError("sizes: one size is no ladder: give two, or three to look ahead")
        if self.target is not None and not self.sizes:
            raise ValueError("target: give sizes: one size says nothing of a larger one")
        if self.sizes and self.stopping is not None:
            raise ValueError(
                "stopping: leave it out with sizes: what is worse at a small size may be better at a larger"
            )
        if self.sizes and self.seeds < 2:
            raise ValueError("seeds: a ladder needs two or more, which say how noisy a size is")
        if any(size.budget.minutes is not None for size in self.sizes.values()):
            raise ValueError(
                "sizes: a budget in minutes is no number of FLOPs: give tokens, tokens_per_parameter or flops"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _no_path(cls, value: Any) -> Any:
        value = refuse_data_path(value)
        if isinstance(value, dict) and isinstance(value.get("sizes"), dict) and isinstance(value.get("proxy"), dict):
            sizes = value["sizes"].items()
            made = {name: at_size(value["proxy"], each) if isinstance(each, dict) else each for name, each in sizes}
            return {**value, "sizes": made}
        return value

    def by_size(self) -> dict[str, Validation]:
        """The comparison at each size, in a folder of its own."""
        return {
            name: self.model_copy(
                update={
                    "name": f"{self.name}-{name}",
                    "proxy": size,
                    "sizes": {},
                    "target": None,
                    "out": f"{self.out or f'validations/{self.name}'}/sizes/{name}",
                }
            )
            for name, size in self.sizes.items()
        }
