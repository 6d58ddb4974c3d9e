"""The card of an export: `README.md` with the Hub's front matter, and Croissant metadata. Knows manifests and numbers only.

Croissant: MLCommons, format specification 1.0. What a run's own files do not say (a licence, a contact) the card says is
not known rather than guess.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.records.statistics import kept_rate
from curate.shards.export.documents import Documents
from curate.shards.export.formats import ExportFile, Source
from curate.shards.export.made import run_of

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "includes": "cr:includes",
    "recordSet": "cr:recordSet",
    "repeated": "cr:repeated",
    "sc": "https://schema.org/",
    "source": "cr:source",
}
_ENCODINGS = {
    ".parquet": "application/x-parquet",
    ".gz": "application/gzip",
    ".zst": "application/zstd",
    ".json": "application/json",
}
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_LARGER = "n>10M"
READERS = {
    "nanogpt": "`np.memmap('train.bin', dtype=np.uint16, mode='r')`",
    "megatron": "`IndexedDataset('train')` of megatron.core.datasets.indexed_dataset",
    "mds": "`streaming.StreamingDataset(local='train', batch_size=1)`; tokens are bytes of little-endian ids",
    "hf": "`datasets.load_from_disk('.')`",
    "parquet": "`datasets.load_dataset('parquet', data_files='train-*.parquet')`",
    "text": "`datasets.load_dataset('json', data_files='train-*.jsonl.gz')`",
}


_CONTEXTS = (1 << 10, 1 << 12, 1 << 14, 1 << 16)
"""Tokens that documents are held against: contexts that models are trained with."""
DOCUMENT_READERS = {
    "parquet": "`datasets.load_dataset('parquet', data_files='*.parquet')`",
    "jsonl.zst": "`datasets.load_dataset('json', data_files='*.jsonl.zst')`",
}
_LICENCE = (
    "\n## Licence\n",
    "The documents belong to their publishers, each under its own terms; the pipeline records no licence of theirs. "
    "Whoever passes this dataset on decides whether they may.",
)


def card_files(source: Source, to: str, written: Mapping[str, Mapping[str, Any]]) -> list[ExportFile]:
    """The card's files, given the export's files with their sizes and hashes."""
    run = _run_of(source)
    return [
        ExportFile("README.md", functools.partial(_write, _readme(source, to, run))),
        ExportFile("croissant.json", functools.partial(_write, _croissant_of_shards(source, to, run, written))),
    ]


def document_card_files(source: Documents, to: str, written: Mapping[str, Mapping[str, Any]]) -> list[ExportFile]:
    """The card's files of an export of documents, given its files with their sizes and hashes."""
    run = {"stats": source.stats, "pipeline": source.record["pipeline"]}
    about = str(run["pipeline"].get("about") or f"Documents of the run {source.name}.")
    croissant = _croissant(source.name, about, source.fingerprint, written, [])
    return [
        ExportFile("README.md", functools.partial(_write, _readme_of_documents(source, to, run))),
        ExportFile("croissant.json", functools.partial(_write, croissant)),
    ]


def _readme_of_documents(source: Documents, to: str, run: Mapping[str, Any]) -> str:
    each = [one for one in source.stats["sources"].values() if one["role"] == "training"]
    documents, chars = sum(one["kept"] for one in each), sum(one.get("kept_chars", 0) for one in each)
    size = f"{documents:,} documents" + (f", {chars:,} characters" if chars else "")
    parts = [
        *_front_matter(source.name, documents),
        str(run["pipeline"].get("about", "")),
        f"\n{size}, as they are after {source.step}, in the format `{to}`: a row has `id`, `source`, `url`, `text`, and "
        "the columns that were carried from the input.\n",
        f"Read it with {DOCUMENT_READERS.get(to, f'what reads `{to}`')}.\n",
        f"Dataset fingerprint: `{source.fingerprint}`. `export.json` lists every file with its SHA-256.\n",
        *_sources(run),
        *_personal_data(run),
        *_findings(run),
        *_LICENCE,
    ]
    return "\n".join(parts) + "\n"


def _front_matter(name: str, documents: int) -> list[str]:
    size = next((label for limit, label in _SIZES if documents < limit), _LARGER)
    return [
        "---",
        f"pretty_name: {json.dumps(name)}",
        "license: other",
        "license_name: see-sources",
        "task_categories:\n- text-generation",
        f"size_categories:\n- {size}",
        "---",
        f"\n# {name}\n",
    ]


def _write(content: str, path: Path) -> None:
    path.write_text(content, encoding="utf-8")


def _run_of(source: Source) -> dict[str, Any]:
    """`stats` and `pipeline` of the run that the shards or the mix belong to; empty where they lie alone."""
    folder = run_of(source.reader.folder)
    if folder is None:
        return {}
    pipeline = json.loads((folder / "run.json").read_bytes())["pipeline"]
    return {"stats": json.loads((folder / "stats.json").read_bytes()), "pipeline": pipeline}


def _readme(source: Source, to: str, run: Mapping[str, Any]) -> str:
    manifest = source.reader.manifest
    name, tokens = manifest["name"], manifest["tokens"]
    documents = sum(entry.rows - entry.emptied for entry in source.reader.entries)
    parts = [
        *_front_matter(name, documents),
        str(run.get("pipeline", {}).get("about", "")),
        f"\n{documents:,} documents, {tokens:,} tokens (end-of-text included) of the tokenizer "
        f"`{source.tokenizer.name}` (vocabulary {source.tokenizer.vocabulary_size:,}, SHA-256 "
        f"`{source.tokenizer.vocabulary_hash}`), in the format `{to}`.\n",
        f"Read it with {READERS.get(to, f'what reads `{to}`')}.\n",
        f"Dataset fingerprint: `{source.reader.fingerprint}`. `export.json` lists every file with its SHA-256.\n",
        "## Splits\n",
        "| split | documents | tokens |\n| --- | ---: | ---: |",
        *(
            f"| {split} | {sum(e.rows - e.emptied for e in source.reader.split(split)):,} | "
            f"{sum(e.tokens for e in source.reader.split(split)):,} |"
            for split in source.splits
        ),
        *_sources(run),
        *_mixture(manifest.get("mixture")),
        *_lengths(run),
        *_personal_data(run),
        *_findings(run),
        *_LICENCE,
    ]
    return "\n".join(parts) + "\n"


def _sources(run: Mapping[str, Any]) -> list[str]:
    if not run:
        return []
    rows = [
        "\n## Sources and filters\n",
        "What each step dropped, in order; a document counts where it was dropped first.\n",
    ]
    for name, source in run["stats"]["sources"].items():
        rows.append(f"### {name} ({source['role']})\n")
        rows.append("| step | in | dropped | kept |\n| --- | ---: | ---: | ---: |")
        rows += [f"| {s['step']} | {s['in']:,} | {s['dropped']:,} | {s['kept']:,} |" for s in source["funnel"]]
        rate = kept_rate(source["documents"], source["kept"])
        if source["role"] == "reference":
            rows.append("\nNo output: this source only trains a classifier.")
        elif rate is not None:
            rows.append(f"\nKept: {source['kept']:,} of {source['documents']:,} documents ({rate:.1%}).")
        rows.append("")
    return rows


def _mixture(mixture: Mapping[str, Any] | None) -> list[str]:
    if not mixture:
        return []
    rows = ["\n## Mixture\n", f"By {mixture['by']}; {mixture['missing_tokens']:,} tokens are missing.\n"]
    if "counted_in" in mixture:
        rows.append(f"Planned and counted in tokens of `{mixture['counted_in']}`; the documents are the same.\n")
    rows.append("| group | target tokens | tokens | share | epochs |\n| --- | ---: | ---: | ---: | ---: |")
    return rows + [
        f"| {name} | {group['target_tokens']:,} | {group['tokens']:,} | {group['share']:.2%} | {group['epochs']:.2f} |"
        for name, group in mixture["groups"].items()
    ]


_SHOWN_FINDINGS = 10


def _findings(run: Mapping[str, Any]) -> list[str]:
    """What the run says of itself, the worst first: who uses the data should know it too."""
    found = run.get("stats", {}).get("findings", [])
    if not found:
        return []
    rows = [f"- {'missed' if each['missed'] else each.get('level', 'note')}: {each['says']}" for each in found]
    if len(rows) > _SHOWN_FINDINGS:
        rows[_SHOWN_FINDINGS:] = [f"- and {len(rows) - _SHOWN_FINDINGS} more, in the run's `findings.json`"]
    return ["\n## Findings\n", "What the run that made this says of itself, the worst first.\n", *rows]


def _lengths(run: Mapping[str, Any]) -> list[str]:
    """How many tokens of the kept documents, each once, lie in documents beyond usual contexts."""
    counted: dict[int, list[int]] = {}
    for source in run.get("stats", {}).get("audit", {}).values():
        for kind, place in (("lengths", 0), ("amounts", 1)):
            for each, number in source.get(kind, {}).items():
                counted.setdefault(int(each), [0, 0])[place] += number
    tokens = sum(number for _, number in counted.values())
    if not tokens:
        return []
    rows = ["\n## Lengths\n", "Documents of at least so many tokens, each document once, and the tokens in them.\n"]
    rows.append("| tokens | documents | tokens in them | share |\n| ---: | ---: | ---: | ---: |")
    for context in _CONTEXTS:
        first = 2 * (context.bit_length() - 1)  # bins are half doublings: bin k begins at 2^(k/2)
        longer = [numbers for each, numbers in counted.items() if each >= first]
        within = sum(number for _, number in longer)
        rows.append(f"| {context:,} | {sum(number for number, _ in longer):,} | {within:,} | {within / tokens:.1%} |")
    return rows


def _personal_data(run: Mapping[str, Any]) -> list[str]:
    steps = [step["scrub"] for step in run.get("pipeline", {}).get("combine", []) if "scrub" in step]
    if steps:
        types = ", ".join(steps[0]["types"])
        text = (
            f"These types were searched for and replaced: {types}. What the detectors miss is still there; names are."
        )
    elif run:
        text = "Nothing was searched for or replaced: what the sources hold of personal data is here."
    else:
        text = "Whether personal data was replaced is not known: the run's own files are not beside the shards."
    return ["\n## Personal data\n", text]


def _croissant_of_shards(
    source: Source, to: str, run: Mapping[str, Any], written: Mapping[str, Mapping[str, Any]]
) -> str:
    name = str(source.reader.manifest["name"])
    about = run.get("pipeline", {}).get("about") or f"Documents of the run {name}."
    records = [_records(split, written) for split in source.splits] if to == "parquet" else []
    return _croissant(name, about, source.reader.fingerprint, written, records)


def _croissant(
    name: str, about: str, fingerprint: str, written: Mapping[str, Mapping[str, Any]], records: list[dict[str, Any]]
) -> str:
    objects = [
        {
            "@type": "cr:FileObject",
            "@id": file,
            "name": file,
            "contentUrl": file,
            "contentSize": f"{entry['bytes']} B",
            "encodingFormat": _ENCODINGS.get(Path(file).suffix, "application/octet-stream"),
            "sha256": entry["sha256"],
        }
        for file, entry in sorted(written.items())
    ]
    content: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": name,
        "description": about,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "version": "1.0.0",
        "identifier": fingerprint,
        "license": "Each document's own, see README.md",
        "distribution": objects,
    }
    if records:
        content["recordSet"] = records
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _records(split: str, written: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A split's rows, as the first of its files has them."""
    file = next(name for name in sorted(written) if name.startswith(f"{split}-"))
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{split}/{column}",
                "name": column,
                "dataType": kind,
                **({"repeated": True} if column == "tokens" else {}),
                "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
            }
            for column, kind in (
                ("id", "sc:Text"),
                ("source", "sc:Text"),
                ("text", "sc:Text"),
                ("tokens", "sc:Integer"),
            )
        ],
    }
