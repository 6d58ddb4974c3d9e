"""`curate mix search`: a proposal from given results, or the whole search of a search file. Parse, call, print."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from rich.table import Table

from curate.cli.arguments import add_data_format, shares
from curate.cli.console import MESSAGES, RESULTS, write_data

if TYPE_CHECKING:
    from curate.mixture.fit import Chosen

_SEARCH_FILES = (".yaml", ".yml")


def add_search(actions: Any) -> None:
    """Add `search` to the actions of `mix`."""
    search = actions.add_parser(
        "search", help="propose a better mix from the results of several; with a search file, train on them first"
    )
    search.add_argument(
        "file",
        metavar="FILE",
        help="JSON Lines: weights of a mix, and its loss or losses; or a search file, .yaml: all of it",
    )
    search.add_argument("--prior", type=shares, metavar="A=.5,B=.5", help="shares about which mixes are drawn")
    search.add_argument("--available", type=shares, metavar="A=1e9,B=1e8", help="tokens that each group has")
    search.add_argument(
        "--tokens", type=float, metavar="N", help="tokens of the run that the mix is for, with --available"
    )
    search.add_argument(
        "--max-epochs",
        type=float,
        default=4.0,
        metavar="N",
        help="most epochs of a group, with --available (default: 4)",
    )
    search.add_argument("--reuse", type=shares, metavar="A=.3,B=.7", help="groups that keep these shares to each other")
    search.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a value of the search file (may be repeated)",
    )
    add_data_format(search)
    search.set_defaults(call=_search)


def _search(options: argparse.Namespace) -> int:
    return _whole(options) if options.file.endswith(_SEARCH_FILES) else _propose(options)


def _whole(options: argparse.Namespace) -> int:
    """Draw, train, fit, propose, confirm."""
    from curate.errors import ConfigError
    from curate.trainer.compare.mixture_search import read_search, search

    given = [name for name in ("prior", "available", "tokens", "reuse") if getattr(options, name) is not None]
    if given:
        raise ConfigError(
            f"--{given[0]} goes with results of trained mixes; in {options.file} it is a key: --set {given[0]}=..."
        )
    found = search(read_search(options.file, options.set), say=MESSAGES.print)
    if options.format != "table":
        told = json.loads((found.folder / "search.json").read_bytes())
        proposed = found.proposal or {}
        rows = [(name, weight, proposed.get(name)) for name, weight in found.prior.items()]
        return write_data(options.format, told, ("group", "prior", "proposed"), rows)
    table = Table("group", "prior", *(["proposed"] if found.proposal else []))
    for name, weight in found.prior.items():
        table.add_row(name, f"{weight:.3f}", *([f"{found.proposal[name]:.3f}"] if found.proposal else []))
    RESULTS.print(table)
    RESULTS.print(found.sentence)
    what = "the proposal" if found.confirmed else "the prior, which nothing was shown to be better than"
    RESULTS.print(f"Mixture ({what}): {found.folder / 'mixture.yaml'}")
    return 0


def _propose(options: argparse.Namespace) -> int:
    from curate.errors import ConfigError
    from curate.mixture.fit import fit
    from curate.mixture.results import read_json_lines
    from curate.mixture.search import most_by_epochs, propose

    if options.set:
        raise ConfigError("--set changes a search file, .yaml: results of trained mixes have no settings")
    if (options.available is None) != (options.tokens is None):
        raise ConfigError("--available and --tokens go together: what a group has, and how much the run reads")
    if options.tokens is not None and not (options.tokens > 0 and options.max_epochs > 0):
        raise ConfigError("--tokens and --max-epochs must be above 0")
    results = read_json_lines(options.file)
    found = fit(results.groups, results.weights, results.losses, results.names)
    most = None
    if options.available is not None:
        most = most_by_epochs(options.available, options.tokens, options.max_epochs)
    proposal = propose(found, options.prior or options.available, most, options.reuse)
    if options.format != "table":
        told = {**dataclasses.asdict(proposal), "supported": proposal.supported, "fit": told_fit(found.mean)}
        wanted = proposal.weights if proposal.supported else {}
        rows = [(name, weight, wanted.get(name)) for name, weight in proposal.best_tried.items()]
        return write_data(options.format, told, ("group", "best tried", "proposed"), rows)
    if not proposal.supported:
        RESULTS.print(
            f"Nothing is proposed: the gain predicted, {proposal.best_loss - proposal.predicted:.4f}, is no larger than the "
            f"error of the fit on mixes it has not seen, {proposal.error:.4f}. The best tried: {proposal.best_loss:.4f}."
        )
        return 0
    table = Table("group", "best tried", "proposed")
    for name, weight in proposal.weights.items():
        table.add_row(name, f"{proposal.best_tried[name]:.3f}", f"{weight:.3f}")
    RESULTS.print(table)
    if len(proposal.trade_offs) > 1:
        table = Table("loss", "under the proposal", "least of any mix")
        for each in proposal.trade_offs:
            table.add_row(each.loss, f"{each.predicted:.4f}", f"{each.least:.4f}")
        RESULTS.print(table)
    RESULTS.print(
        f"Loss predicted {proposal.predicted:.4f}, of the best tried {proposal.best_loss:.4f}; "
        f"the fit misses a mix it has not seen by {proposal.error:.4f}.",
    )
    weights = ",".join(f"{name}={weight:.3f}" for name, weight in proposal.weights.items())
    RESULTS.print(f"Make it and train on it before you believe it: --weights {weights}")
    return 0


def told_fit(chosen: Chosen) -> dict[str, Any]:
    """How a loss is predicted, as JSON."""
    return {
        "loss": chosen.loss,
        "model": chosen.model,
        "models": list(chosen.models),
        "cv_error": chosen.error,
        "cv_spearman": chosen.spearman,
        "interval": chosen.half_width,
        "coverage": chosen.coverage,
        "candidates": dict(chosen.errors),
    }
