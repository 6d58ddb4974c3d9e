"""The `opt_out` step: whose wishes are looked up, and the rule on them. The looking up is a stage of its own: see
`opt_out/plan.py`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from curate.filters.opt_out.agents import SETS, agents_of
from curate.records.opt_outs import OPT_OUTS
from curate.settings import Model, Strings, one_of
from curate.steps import ON_ADDRESSES, Changes, SourceStep
from curate.storage import list_files
from curate.verdicts.rules import AnyRule, FlagRule


class OptOut(Model):
    """Documents whose publishers refuse crawlers that train, by robots.txt and by lists."""

    robots: Strings = Field(
        (),
        description="WARC files with robots.txt records, such as Common Crawl's robotstxt files",
        examples=["robots/*.warc.gz"],
    )
    lists: Strings = Field(
        (),
        description="Parquet, CSV or JSON Lines: domain, host or url; user_agents and date where there are any",
        examples=["lists/robots.parquet"],
    )
    agents: Annotated[Strings, Field(min_length=1)] = Field(
        ("apertus",),
        description="user agents: a document is refused where any of them is; apertus and training are sets of them",
        json_schema_extra=one_of(lambda: SETS, "."),
    )
    as_of: Literal["latest", "fetch"] = Field(
        "latest", description="latest: also what was said after the document was fetched; fetch: what was said before"
    )
    drop: bool = Field(True, description="whether refused documents are dropped; else they are only marked")

    @model_validator(mode="after")
    def _says_something(self) -> OptOut:
        if not self.robots and not self.lists:
            raise ValueError("give robots, WARC files with robots.txt records, or lists of opt-outs")
        return self


def _reading(setting: OptOut) -> dict[str, Any]:
    """Nothing that reading must know. Raises FileNotFoundError for a pattern that matches nothing, before a run begins."""
    for patterns in (setting.robots, setting.lists):
        if patterns:
            list_files(patterns)
    return {}


def _rules(name: str, setting: OptOut, changes: Changes, least: float | None) -> tuple[AnyRule, ...]:
    if not setting.drop:
        return ()
    about = f"whether {', '.join(agents_of(setting.agents)[:3])} or another agent is refused"
    return (FlagRule(name, "refused", OPT_OUTS.names[0], about),)


STEP = SourceStep(
    "opt_out",
    OptOut,
    place=ON_ADDRESSES,
    example="opt_out: {robots: [robots/*.warc.gz], lists: [lists/robots.parquet], agents: [apertus, training]}",
    reading=_reading,
    rules=_rules,
    thresholds=frozenset({"drop"}),
    later_columns=lambda setting: tuple((field.name, str(field.type)) for field in OPT_OUTS),
)
