"""shards/manifest.json: what a trainer must know of the shards, without opening one."""

from __future__ import annotations

from typing import Any

from curate.code.fingerprint import fingerprint
from curate.config.models import Pipeline
from curate.config.tokens import OneOfSeveral
from curate.engine.seal import sealed
from curate.flow import Flow
from curate.shards.entry import SHARDS_FORMAT, phase_entries
from curate.shards.order import TRAIN
from curate.tokens import load
from curate.tokens.tokenizer import surroundings


def mixture_statement(pipeline: Pipeline, flow: Flow, counted_in: str | None = None) -> dict[str, Any] | None:
    """What the mixture asked for and got; null where every document is in once. `counted_in`: the tokenizer whose tokens
    it counts, where the shards are another's."""
    if flow.mixture is None or pipeline.mixture is None:
        return None
    told = {} if counted_in is None else {"counted_in": counted_in}
    return {"by": pipeline.mixture.by, **told} | flow.mixture.statement()


def shard_manifest(pipeline: Pipeline, flow: Flow, further: OneOfSeveral | None = None) -> bytes:
    """Rows, tokens and SHA-256 per shard; the tokenizer; a fingerprint of the content. `shard` in the ledger counts in
    this list's order. `further`: the tokenizer beside the first whose shards these are."""
    assert pipeline.tokens is not None  # shards hold tokens
    settings = further or pipeline.tokens
    of_split = flow.shards if further is None else flow.further_shards[further.name]
    tokenizer = load(settings.tokenizer, settings.end_of_text)
    before, after = surroundings(tokenizer, settings.add_bos, settings.prefix, settings.suffix)
    around = {name: ids for name, ids in (("prefix", before), ("suffix", after[:-1])) if ids}
    of_phase = flow.phases.get(further.name if further else "", ())
    shards = [
        {
            "file": f"{split}-{number:05d}.arrow",
            "split": split,
            "rows": result.counts["documents"],
            "tokens": result.counts["tokens"],
            "bytes": result.files["shard"].bytes,
            "sha256": result.files["shard"].digest,
            **({"phase": of_phase[number]} if of_phase and split == TRAIN else {}),
        }
        for split, results in of_split.items()
        for number, result in enumerate(results)
    ]
    mixture = mixture_statement(pipeline, flow, pipeline.tokens.tokenizer if further else None)
    phases = phase_entries(mixture)
    return sealed(
        {
            "format": SHARDS_FORMAT,
            "name": pipeline.name,
            "seed": pipeline.seed,
            "tokenizer": {
                "name": tokenizer.name,
                "vocabulary_size": tokenizer.vocabulary_size,
                "vocabulary_sha256": tokenizer.vocabulary_hash,
                "end_of_text": tokenizer.end_of_text,
                "dtype": str(tokenizer.arrow_type),
                **around,
            },
            "documents": sum(shard["rows"] for shard in shards),
            "tokens": sum(shard["tokens"] for shard in shards),
            "mixture": mixture,
            **({"phases": phases} if phases else {}),
            "shards": shards,
            "fingerprint": fingerprint(tokenizer.vocabulary_hash, shards, *([phases] if phases else [])),
        }
    )
