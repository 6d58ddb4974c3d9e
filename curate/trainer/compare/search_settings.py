"""What a search file says: a run, how its mixes are drawn, the proxies, how a proposal is confirmed. Knows no PyTorch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from curate.config.mixture import MOST_EPOCHS
from curate.settings import Count, Model, Name, Strings, parse_count
from curate.trainer.compare.settings import Evaluation, refuse_data_path
from curate.trainer.train.settings import Natural, Training

Weights = Annotated[dict[str, Annotated[float, Field(ge=0)]], Field(min_length=1)]


def _all_or_count(value: Any) -> Any:
    return value if value == "all" else parse_count(value)


class Confirmation(Model):
    """The comparison of the proposal with the prior."""

    seeds: Annotated[int, Field(ge=2)] = Field(5, description="proxies of each of the two")
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    matters: Annotated[float, Field(gt=0)] | None = Field(
        None, description="smallest difference in bits per byte that matters: closer ones are equal"
    )


class Search(Model):
    """A search file."""

    name: Name = "search"
    run: str = Field(description="a finished run with its token store: what is mixed")
    by: Strings = Field(("source",), description="what parts documents into groups, as in `mixture`")
    prior: Weights | None = Field(None, description="shares about which mixes are drawn; default: the groups' tokens")
    reuse: Weights | None = Field(
        None, description="groups that did not change since an earlier search, and their shares to each other"
    )
    tokens: Annotated[int | Literal["all"], BeforeValidator(_all_or_count)] = Field(
        "all", description="tokens of the run that the mix is for: with `max_epochs` they bound each group's weight"
    )
    max_epochs: Annotated[float, Field(gt=0)] = Field(MOST_EPOCHS, description="most epochs of a group")
    mixes: Natural | None = Field(
        None, description="mixes that a proxy is trained on; default: three for each group, and three"
    )
    seed: Annotated[Count, Field(ge=0)] = Field(0, description="of the draws and of the proxies' first weights")
    proxy: Training
    evaluation: Evaluation = Field(
        default_factory=lambda: Evaluation.model_validate({}),
        description="what proxies are measured by; default: texts that the run holds back, and tasks made from them",
    )
    confirm: Confirmation = Confirmation()
    devices: Strings | None = Field(None, description="one proxy at a time on each; default: every GPU, or the CPU")
    attempts: Natural = Field(
        3, description="starts of a proxy before it counts as failed; each goes on where it stopped"
    )
    out: str = Field("", description="folder of proxies and proposal; default: searches/NAME")

    @model_validator(mode="before")
    @classmethod
    def _no_path(cls, value: Any) -> Any:
        return refuse_data_path(value)

    @field_validator("proxy")
    @classmethod
    def _as_long_for_all(cls, proxy: Training) -> Training:
        if proxy.budget.minutes is not None:
            raise ValueError("a budget in minutes trains some mixes longer than others: give tokens or flops")
        return proxy
